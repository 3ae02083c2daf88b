# dalli, which speaks the binary protocol.
require 'dalli'

$stdout.sync = true
Dalli.logger.level = Logger::FATAL # A node that is down is no news here.
BINARY = (0..255).map(&:chr).map(&:b).join

def check(what, actual, expected)
  abort "FAILED #{what}: #{actual.inspect} is not #{expected.inspect}" if actual != expected
  @checks = @checks.to_i + 1
  puts "ok #{what}"
end

# The block's result, or the words with which it fails.
def outcome
  yield
rescue Dalli::DalliError => e
  e.message
end

# The first result that is no error.
def eventually
  deadline = Time.now + 20
  begin
    yield
  rescue Dalli::DalliError
    raise if Time.now > deadline

    sleep 0.02
    retry
  end
end

def please(what)
  puts "please #{what}"
  $stdin.gets
end

def items(client)
  check 'set, get', [client.set('text', { deep: ['ü', 1] }).positive?, client.get('text'), client.get('none')], [true, { deep: ['ü', 1] }, nil]
  check 'add, replace', [client.add('text', 1), client.add('new', BINARY).positive?, client.replace('none', 1), client.get('new')], [false, true, 0, BINARY]
  check 'delete', [client.delete('new'), client.delete('new'), client.get('new')], [true, nil, nil]
  check 'incr, decr', [client.incr('count', 1, nil, 41), client.incr('count'), client.decr('count', 100), client.incr('none')], [41, 42, 0, nil]
  client.set('word', 'b', nil, raw: true)
  check 'append, prepend', [client.append('word', 'c'), client.prepend('word', 'a'), client.get('word'), client.append('none', 'x')], [true, true, 'abc', false]
  check 'touch, gat', [client.touch('word', 100), client.touch('none', 100), client.gat('word', 100), client.gat('none', 100)], [true, nil, 'abc', nil]
  check 'fetch', [client.fetch('made') { 'new' }, client.fetch('made') { 'again' }], %w[new new]
end

def tokens(client)
  client.set('count', 1)
  check 'cas', [client.cas('count') { |n| n + 1 }.positive?, client.cas('none') { 1 }, client.get('count')], [true, nil, 2]
  value, token = client.get_cas('count')
  check 'set_cas', [value, client.set_cas('count', 3, token).positive?, client.set_cas('count', 4, token), client.get('count')], [2, true, false, 3]
  check 'get_multi_cas', client.get_multi_cas('count', 'none').transform_values(&:first), { 'count' => 3 }
  check 'delete_cas', [client.delete_cas('count', token), client.delete_cas('count', client.get_cas('count').last)], [false, true]
end

def many(client)
  values = (0...200).to_h { |i| ["many:#{i}", i.to_s * 1000] }
  client.multi { values.each { |key, value| client.set(key, value) } }
  check 'get_multi', client.get_multi(*values.keys, 'none'), values
  client.multi { values.keys.first(100).each { |key| client.delete(key) } }
  check 'what a multi has deleted', client.get_multi(values.keys).size, 100
end

def large(client)
  half = BINARY * 2000
  check 'a large value', [client.set('large', half).positive?, client.get('large') == half], [true, true]
  check 'one too large', outcome { client.set('large', BINARY * 5000) }, 'Response error 3: Value too large'
  check 'and the old one is gone', client.get('large'), nil
end

def read_all(client, values)
  found = client.get_multi(values.keys)
  raise Dalli::DalliError, "#{found.size} of #{values.size}" if found.size < values.size

  found
end

# What the keys of a node that is down read, and that the connection is right after it.
def failing(client)
  values = (0...100).to_h { |i| ["key:#{i}", "#{i}:" * 3000] }
  values.each { |key, value| client.set(key, value) }
  please 'kill node'
  read = values.keys.to_h { |key| [key, outcome { client.get(key) }] }
  failed = read.reject { |key, value| value == values[key] }
  puts "#{failed.size} of 100 keys read #{failed.values.uniq}"
  check 'a node is down', [failed.empty?, failed.values.uniq.reject { |text| text =~ /Response error 134: Temporary failure|No server available|Socket operation failed/ }],
        [false, []]
  there = values.reject { |key, _| failed.key?(key) }
  unless there.empty?
    check 'get_multi has the others', client.get_multi(values.keys), there
    check 'and nobody reads what is left of it', there.keys.map { |key| client.get(key) }, there.values
  end
  please 'restart nodes'
  check 'the node is back', eventually { values.map { |key, value| client.set(key, value).positive? }.uniq }, [true]
  check 'with all keys', eventually { read_all(client, values) }, values
end

client = Dalli::Client.new("127.0.0.1:#{ENV.fetch('PORT')}", compress: false, value_max_bytes: 8 << 20, down_retry_delay: 0.05)
items(client)
tokens(client)
many(client)
large(client)
check 'stats', client.stats.values.map { |stats| stats['curr_items'].to_i > 100 }, [true]
check 'stats slabs, reset', [client.stats(:slabs).values.first.key?('active_slabs'), client.reset_stats], [true, [true]]
check 'version', client.version.values.map { |version| version.match?(/^\d+\.\d+/) }, [true]
check 'flush', [client.flush, client.get('text')], [[true], nil]
failing(client)
please 'restart server'
check 'after a restart of the server', eventually { client.set('again', 1).positive? }, true
check 'it is there', client.get('again'), 1
puts "#{@checks} checks"
