# redis-rb.
require 'redis'

$stdout.sync = true
PORT, SECURED_PORT, PASSWORD = ENV.fetch('PORT').to_i, ENV.fetch('SECURED_PORT').to_i, ENV.fetch('PASSWORD')
BINARY = (0..255).map(&:chr).map(&:b).join
LARGE = BINARY * (3 << 12) # 3 MiB.
SCRIPT = "return {redis.call('incrby', KEYS[1], ARGV[1]), ARGV[2]}".freeze

def check(what, actual, expected)
  abort "FAILED #{what}: #{actual.inspect} is not #{expected.inspect}" if actual != expected
  @checks = @checks.to_i + 1
  puts "ok #{what}"
end

# The block has to fail with these words.
def check_fails(what, words)
  outcome = begin
    "no error, but #{yield.inspect}"
  rescue Redis::BaseError => e
    e.message
  end
  check("#{what}: #{outcome}", outcome.include?(words), true)
end

# The first result that is no error.
def eventually
  deadline = Time.now + 20
  begin
    yield
  rescue Redis::BaseError
    raise if Time.now > deadline

    sleep 0.02
    retry
  end
end

# 'nodes' or 'server'; both are back when it returns.
def restart(what)
  puts "please restart #{what}"
  $stdin.gets
end

def data_types(client)
  check 'SET, GET', [client.set('text', 'grüße'), client.get('text'), client.get('none')], ['OK', 'grüße', nil]
  check 'SET NX, GET', [client.set('text', 'x', nx: true), client.set('text', 'y', get: true)], [false, 'grüße']
  check 'EXPIRE, TTL', [client.expire('text', 100), client.ttl('text'), client.ttl('none')], [true, 100, -2]
  check 'INCR', [client.incr('count'), client.incrby('count', 41), client.incrbyfloat('float', 1.5)], [1, 42, 1.5]
  client.hset('hash', { 'a' => '1', 'b' => '2' })
  check 'HGETALL', client.hgetall('hash'), { 'a' => '1', 'b' => '2' }
  check 'HMGET, HEXISTS, HSCAN', [client.hmget('hash', 'a', 'none'), client.hexists('hash', 'b'), client.hscan_each('hash').to_a],
        [['1', nil], true, [%w[a 1], %w[b 2]]]
  client.rpush('list', %w[one two three])
  check 'LRANGE, LPOP', [client.lrange('list', 0, -1), client.lpop('list')], [%w[one two three], 'one']
  client.sadd('set', %w[x y])
  check 'SMEMBERS', client.smembers('set').sort, %w[x y]
  client.zadd('ranking', [[1.5, 'low'], ['+inf', 'high']])
  check 'ZSCORE', [client.zscore('ranking', 'low'), client.zscore('ranking', 'none')], [1.5, nil]
  check 'ZRANGE WITHSCORES', client.zrange('ranking', 0, -1, with_scores: true), [['low', 1.5], ['high', Float::INFINITY]]
  id = client.xadd('stream', { 'field' => 'value' })
  check 'XRANGE', client.xrange('stream'), [[id, { 'field' => 'value' }]]
end

def many_keys(client)
  keys = (0...500).map { |i| "many:#{i}" }
  client.mapped_mset(keys.each_with_index.to_h)
  check 'MGET of 500 keys', client.mget(*keys, 'none'), [*(0...500).map(&:to_s), nil]
  check 'scan_each', client.scan_each(match: 'many:*', count: 50).to_a.uniq.sort, keys.sort
  check 'DEL of 500 keys', client.del(*keys), 500
  replies = client.pipelined { |pipe| keys.each_with_index { |key, i| i.odd? ? pipe.set(key, i) : pipe.incr(key) } }
  check 'a pipeline of 500 commands', replies, (0...500).map { |i| i.odd? ? 'OK' : 1 }
  check 'a value of all bytes', [client.set('binary', BINARY), client.get('binary').b], ['OK', BINARY]
  check 'a value of 3 MiB', [client.set('large', LARGE), client.get('large').b == LARGE], ['OK', true]
end

def together(client)
  check 'EVAL', client.eval(SCRIPT, ['script'], [5, 'x']), [5, 'x']
  check 'EVALSHA', client.evalsha(client.script(:load, SCRIPT), ['script'], [5, 'y']), [10, 'y']
  replies = client.multi { |tx| tx.set('{cart}:a', 1); tx.incr('{cart}:a'); tx.hset('{cart}:b', 'f', 'v'); tx.hgetall('{cart}:b') }
  check 'MULTI, EXEC', replies, ['OK', 2, 1, { 'f' => 'v' }]
  check_fails('EXEC with a command that fails', 'not an integer') { client.multi { |tx| tx.set('{cart}:a', 'x'); tx.incr('{cart}:a') } }
  check 'which changed the others all the same', client.get('{cart}:a'), 'x'
  check_fails('an error is the one of Redis', 'WRONGTYPE Operation against a key') { client.lpush('text', 'x') }
end

def messages(client)
  heard = Queue.new
  listener = Thread.new do
    Redis.new(port: PORT).subscribe('news', 'end') do |on|
      on.subscribe { |channel, _| heard << channel }
      on.message { |channel, message| channel == 'end' ? Thread.current.exit : heard << message }
    end
  end
  check 'SUBSCRIBE', [heard.pop, heard.pop], %w[news end]
  check 'PUBLISH', [client.publish('news', 'grüße'), client.publish('nobody', 'x'), heard.pop.b], [1, 0, 'grüße'.b]
  check 'PUBSUB', client.pubsub(:numsub, 'news', 'none'), ['news', 1, 'none', 0]
  check 'the end of it', [client.publish('end', 'x'), listener.join.alive?], [1, false]
end

client = Redis.new(port: PORT)
data_types(client)
many_keys(client)
together(client)
messages(client)

first = Redis.new(url: "redis://127.0.0.1:#{PORT}/1")
check 'database 1 is another', [first.get('text'), first.set('text', 'one'), client.get('text')], [nil, 'OK', 'y']
secured = Redis.new(url: "redis://:#{PASSWORD}@127.0.0.1:#{SECURED_PORT}/2")
check 'a password and database 2', [secured.set('secret', '1'), secured.get('secret')], %w[OK 1]
check_fails('a wrong password', 'WRONGPASS') { Redis.new(port: SECURED_PORT, password: 'wrong').ping }
check_fails('no password', 'NOAUTH') { Redis.new(port: SECURED_PORT).ping }

%w[nodes server].each do |what|
  restart what
  check "SET after a restart of the #{what}", eventually { client.set('again', what) }, 'OK'
  check 'in database 1 too', [eventually { first.set('again', 'one') }, client.get('again')], ['OK', what]
  check 'and with the password', eventually { secured.set('again', what) }, 'OK'
end
puts "#{@checks} checks"
