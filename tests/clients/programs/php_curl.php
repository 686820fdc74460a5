<?php
// Asks through PHP's ext-curl: php_curl.php BASE PROXY FILE
[, $base, $proxy, $file] = $argv;

function handle(string $target, array $options = []): CurlHandle
{
    global $base, $proxy;
    $handle = curl_init($base . $target);
    curl_setopt_array($handle, $options + [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_PROXY => $proxy,  // '' is none, whatever the environment says
        CURLOPT_CAINFO => getenv('SSL_CERT_FILE'),  // counts where TLS passes through
    ]);
    return $handle;
}

function tell(string $act, CurlHandle $handle, string|bool|null $body): void
{
    if (curl_errno($handle) !== 0) {
        fwrite(STDERR, "$act: " . curl_error($handle) . "\n");
        exit(1);
    }
    echo json_encode([
        'act' => $act,
        'status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE),
        'bytes' => strlen($body),
        'sha256' => hash('sha256', $body),
        'body' => strlen($body) < 10000 ? $body : null,
        'length' => curl_getinfo($handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T),
    ]), "\n";
}

function ask(string $act, string $target, array $options = []): void
{
    $handle = handle($target, $options);
    tell($act, $handle, curl_exec($handle));
}

$handle = handle('/get?a=%2F&b=');
for ($turn = 0; $turn < 5; $turn++) {
    tell('get', $handle, curl_exec($handle));
}
ask('head', '/large', [CURLOPT_NOBODY => true]);
ask('post', '/post', [CURLOPT_POSTFIELDS => 'name=value&other=%20']);
ask('upload', '/upload', [
    CURLOPT_UPLOAD => true,
    CURLOPT_INFILE => fopen($file, 'r'),
    CURLOPT_INFILESIZE => filesize($file),
]);
$input = fopen($file, 'r');
ask('streamed', '/streamed', [
    CURLOPT_UPLOAD => true,
    CURLOPT_READFUNCTION => fn($handle, $unused, $length) => fread($input, $length),
]);
ask('download', '/large');
ask('range', '/large', [CURLOPT_RANGE => '100-199']);
ask('moved', '/moved', [CURLOPT_FOLLOWLOCATION => true]);

$multi = curl_multi_init();
foreach (['parallel-1', 'parallel-2'] as $act) {
    $handles = array_map(fn($n) => handle("/$act?n=$n"), range(0, 7));
    foreach ($handles as $handle) {
        curl_multi_add_handle($multi, $handle);
    }
    do {
        curl_multi_exec($multi, $running);
        curl_multi_select($multi);
    } while ($running > 0);
    while ($done = curl_multi_info_read($multi)) {
        if ($done['result'] !== CURLE_OK) {
            fwrite(STDERR, "$act: " . curl_strerror($done['result']) . "\n");
            exit(1);
        }
    }
    foreach ($handles as $handle) {
        tell($act, $handle, curl_multi_getcontent($handle));
        curl_multi_remove_handle($multi, $handle);
    }
}
