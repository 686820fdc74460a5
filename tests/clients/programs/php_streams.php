<?php
// Asks through PHP's streams: php_streams.php BASE PROXY FILE
[, $base, $proxy, $file] = $argv;

function ask(string $act, string $target, array $options = []): void
{
    global $base, $proxy;
    if ($proxy !== '') {
        $options += ['proxy' => 'tcp://' . parse_url($proxy, PHP_URL_HOST) . ':'
            . parse_url($proxy, PHP_URL_PORT), 'request_fulluri' => true];
    }
    $context = stream_context_create(['http' => $options]);
    $stream = fopen($base . $target, 'r', false, $context);
    if ($stream === false || ($body = stream_get_contents($stream)) === false) {
        fwrite(STDERR, "$act failed\n");
        exit(1);
    }
    // Of several responses, where one led to another, the last.
    foreach (stream_get_meta_data($stream)['wrapper_data'] as $line) {
        if (preg_match('/^HTTP\/\S+ (\d+)/', $line, $found)) {
            [$status, $length] = [(int)$found[1], -1];
        } elseif (preg_match('/^Content-Length: *(\d+)/i', $line, $found)) {
            $length = (int)$found[1];
        }
    }
    echo json_encode([
        'act' => $act,
        'status' => $status,
        'bytes' => strlen($body),
        'sha256' => hash('sha256', $body),
        'body' => strlen($body) < 10000 ? $body : null,
        'length' => $length,
    ]), "\n";
}

$form = ['header' => 'Content-Type: application/x-www-form-urlencoded', 'method' => 'POST',
    'content' => 'name=value&other=%20'];
for ($turn = 0; $turn < 5; $turn++) {
    ask('get', '/get?a=%2F&b=');
}
ask('head', '/large', ['method' => 'HEAD']);
ask('post', '/post', $form);
ask('upload', '/upload', ['method' => 'PUT', 'content' => file_get_contents($file),
    'header' => 'Content-Type: application/octet-stream']);
ask('download', '/large');
ask('range', '/large', ['header' => 'Range: bytes=100-199']);
ask('moved', '/moved');
foreach (['1.0', '1.1'] as $version) {
    ask("get-$version", "/get-$version", ['protocol_version' => $version]);
    ask("post-$version", "/post-$version", $form + ['protocol_version' => $version]);
    ask("download-$version", '/large', ['protocol_version' => $version]);
}
