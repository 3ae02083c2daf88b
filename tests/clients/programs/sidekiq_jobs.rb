# Sidekiq: its own server program in two processes, of which one is killed; later and retried jobs, and what it tells of its queue.
# The server loads this file to learn the job.
require 'sidekiq'
require 'sidekiq/api'
require 'tmpdir'

Redis.silence_deprecations = true # Sidekiq's, which nobody here can change.
COUNT = 200
THREADS = 4
HELD_FROM = COUNT / 4 # From this job on, the server that is to be killed keeps what it has in hand.
PORT = ENV.fetch('PORT')
Sidekiq.configure_client { |config| config.redis = { url: "redis://127.0.0.1:#{PORT}/0" } }
Sidekiq.configure_server do |config|
  config.redis = { url: "redis://127.0.0.1:#{PORT}/0" }
  config.average_scheduled_poll_interval = 1
end

# A job is a line `begun N PID` and a line `done N PID` in a file. A line is written at once, so a kill loses none.
def note(what, job)
  File.write(ENV.fetch('LEDGER'), "#{what} #{job} #{Process.pid}\n", mode: 'a')
end

class Mail
  include Sidekiq::Worker
  sidekiq_options retry: 5
  sidekiq_retry_in { 1 }

  def perform(job)
    first = !File.read(ENV.fetch('LEDGER')).include?("begun #{job} ")
    note('begun', job)
    Thread.stop if ENV.key?('VICTIM') && job >= HELD_FROM
    raise 'as is meant to be' if first && job % 10 == 6

    note('done', job)
  end
end

return if Sidekiq.server?

$stdout.sync = true

def check(what, actual, expected)
  abort "FAILED #{what}: #{actual.inspect} is not #{expected.inspect}" if actual != expected
  @checks = @checks.to_i + 1
  puts "ok #{what}"
end

def hire(environment = {})
  log = "#{ENV.fetch('LEDGER')}.log"
  pid = Process.spawn(environment, 'sidekiq', '-r', File.expand_path(__FILE__), '-c', THREADS.to_s, out: [log, 'a'], err: [log, 'a'])
  at_exit { Process.kill('KILL', pid) rescue nil }
  pid
end

# The jobs of a kind of line, by how often.
def jobs(what, pid = nil)
  File.readlines(ENV.fetch('LEDGER')).map(&:split).select { |line| line[0] == what && (!pid || line[2] == pid.to_s) }.map { |line| line[1].to_i }.tally
end

def wait_until(what)
  deadline = Time.now + 40
  until yield
    abort "FAILED #{what}: of #{jobs('begun').size} jobs #{jobs('done').size} are done; the servers say:\n#{File.read("#{ENV.fetch('LEDGER')}.log").lines.last(30).join}" if Time.now > deadline
    sleep 0.02
  end
end

Dir.mktmpdir do |folder|
  ENV['LEDGER'] = "#{folder}/ledger"
  File.write(ENV['LEDGER'], '')
  all = (0...COUNT).to_a
  later, now = all.partition { |job| job % 7 == 3 }
  Sidekiq::Client.push_bulk('class' => Mail, 'args' => now.map { |job| [job] })
  later.each { |job| Mail.perform_in(1, job) }
  check 'what waits', [Sidekiq::Queue.new.size, Sidekiq::ScheduledSet.new.size], [now.size, later.size]
  victim = hire('VICTIM' => 'yes')
  held = []
  wait_until('full hands') { (held = jobs('begun', victim).keys.select { |job| job >= HELD_FROM }).size == THREADS }
  stays = hire
  # Nothing else is under way when it is killed: of what its poller moves between two lists it may lose one.
  wait_until('all jobs but those') { (all - held - jobs('done').keys).empty? && Sidekiq::RetrySet.new.size.zero? }
  Process.kill('KILL', victim)
  Process.wait(victim)
  # Sidekiq takes a job from the queue before it does it.
  check 'what was in its hands is lost, and nothing else', all - jobs('done').keys, held.sort
  check 'jobs, later and retried ones, a server killed; none twice', jobs('done').select { |_, times| times > 1 }, {}
  wait_until('its statistics') { Sidekiq::Stats.new.processed >= jobs('done', stays).size }
  stats = Sidekiq::Stats.new
  check 'nothing waits', [stats.enqueued, stats.scheduled_size, stats.retry_size, stats.dead_size], [0, 0, 0, 0]
  check 'it knows its process', Sidekiq::ProcessSet.new.map { |process| process['pid'] }.include?(stays), true

  20.times { |i| Mail.perform_in(2, 2011 + 10 * i) }
  puts 'please restart nodes'
  $stdin.gets
  wait_until('jobs that wait while the nodes restart') { (0...20).all? { |i| jobs('done')[2011 + 10 * i] } }
  check 'jobs that wait while the nodes restart', jobs('done').select { |job, times| job > 2000 && times > 1 }, {}
  Sidekiq::ProcessSet.new.find { |process| process['pid'] == stays }.stop!
  Process.wait(stays)
  check 'a command to a server', $?.exitstatus, 0
end
puts "#{@checks} checks"
