<?php
// A call with a key, and the right way to wait: php call.php (with the extension curl)
// KEYWARD_URL is the API's address, KEYWARD_KEY the key; KEYWARD_MAX_WAIT says how many seconds to wait in all (120).

declare(strict_types=1);

const MOST_TRIES = 5;

$url = getenv('KEYWARD_URL');
$key = getenv('KEYWARD_KEY');
if (!$url || !$key) {
    fwrite(STDERR, "KEYWARD_URL and KEYWARD_KEY are not set: the API's address and your key\n");
    exit(2);
}
$maxWait = getenv('KEYWARD_MAX_WAIT');
$leftToWait = $maxWait === false ? 120 : (int) $maxWait;

for ($tries = 1; ; $tries++) {
    [$status, $headers, $body] = call(rtrim($url, '/') . '/api/123/resource', $key);
    if ($status >= 200 && $status < 300) {
        echo $status, ' ', $body, PHP_EOL;
        if (isset($headers['x-ratelimit-remaining'])) {
            echo $headers['x-ratelimit-remaining'], ' requests left until ', $headers['x-ratelimit-reset'], PHP_EOL;
        }
        exit(0);
    }

    fwrite(STDERR, $status . ' ' . problem($body) . PHP_EOL);
    $seconds = pause($status, $headers);
    if ($seconds === null || $tries === MOST_TRIES) {
        exit(1);
    }
    if ($seconds > $leftToWait) {
        fwrite(STDERR, "giving up: another try makes sense in $seconds s\n");
        exit(1);
    }
    $leftToWait -= $seconds;
    fwrite(STDERR, "waiting $seconds s\n");
    sleep($seconds);
    // Up to a second more, so that not all clients come back in the same instant.
    usleep(random_int(0, 999_999));
}

/** Status, headers (names in small letters) and body. Redirects, which would take the key elsewhere, are not followed. */
function call(string $url, string $key): array
{
    $headers = [];
    $call = curl_init($url);
    curl_setopt_array($call, [
        CURLOPT_HTTPHEADER => ["X-API-KEY: $key"],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 30,
        CURLOPT_HEADERFUNCTION => function ($call, string $line) use (&$headers): int {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower($name)] = trim($value);
            return strlen($line);
        },
    ]);
    $body = curl_exec($call);
    if ($body === false) {
        fwrite(STDERR, curl_error($call) . PHP_EOL);
        exit(1);
    }
    return [curl_getinfo($call, CURLINFO_RESPONSE_CODE), $headers, $body];
}

/** Seconds until another try makes sense; null when none does. */
function pause(int $status, array $headers): ?int
{
    if ($status !== 429 && $status !== 503) {
        return null; // Another try changes nothing about the key, the site or the address.
    }
    $after = $headers['retry-after'] ?? '';
    if (ctype_digit($after)) {
        return (int) $after;
    }
    $reset = $headers['x-ratelimit-reset'] ?? '';
    if ($status === 429 && ctype_digit($reset)) {
        return max(1, (int) $reset - time());
    }
    return null;
}

/** What a problem document says; another body as it is. */
function problem(string $body): string
{
    $document = json_decode($body, true);
    return isset($document['code'], $document['detail']) ? "{$document['code']}: {$document['detail']}" : $body;
}
