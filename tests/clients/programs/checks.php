<?php
// What the programs in PHP share: the server's address, a line for each check, a restart on request.
declare(strict_types=1);

set_error_handler(function ($number, $text) { throw new ErrorException($text); });  // A warning is a failure, too.

$port = (int)getenv('PORT');
$securedPort = (int)getenv('SECURED_PORT');
$password = getenv('PASSWORD');
$binary = implode('', array_map('chr', range(0, 255)));
$large = str_repeat($binary, 3 << 12);  // 3 MiB.
$checks = 0;

function fail(string $why): void {
    echo "FAILED $why\n";
    exit(1);
}

function check(string $what, $actual, $expected): void {
    global $checks;
    if ($actual !== $expected) {
        fail("$what: " . var_export($actual, true) . ' is not ' . var_export($expected, true));
    }
    $checks += 1;
    echo "ok $what\n";
}

// The action has to fail with words that the pattern knows.
function checkFails(string $what, callable $action, string $pattern): void {
    try {
        $outcome = 'no error, but ' . var_export($action(), true);
    } catch (Throwable $error) {
        $outcome = $error->getMessage();
    }
    check("$what: $outcome", preg_match($pattern, $outcome), 1);
}

// The first result that is no error and not false; phpredis says false where others throw.
function eventually(callable $attempt) {
    $deadline = microtime(true) + 20;
    while (microtime(true) < $deadline) {
        try {
            $result = @$attempt();
            if ($result !== false) return $result;
        } catch (Throwable $error) {
        }
        usleep(20000);
    }
    fail('it never came back');
}

// 'nodes' or 'server'; both are back when it returns.
function restart(string $what): void {
    fwrite(STDOUT, "please restart $what\n");  // At once, even if output is buffered.
    fgets(STDIN);
}

// One node, or the server itself if it has none; it is dead when this returns, and back with a restart of the nodes.
function killNode(): void {
    fwrite(STDOUT, "please kill node\n");
    fgets(STDIN);
}

function names(int $count, string $prefix = 'many'): array {
    return array_map(fn($i) => "$prefix:$i", range(0, $count - 1));
}

function done(): void {
    global $checks;
    echo "$checks checks\n";
}
