//! Where dimorph differs from HTTPX on purpose, and what waits.

/// A row that dimorph answers otherwise.
pub(crate) struct Divergence {
    /// The row's area.
    pub(crate) area: &'static str,
    /// The row's name.
    pub(crate) name: &'static str,
    /// The rule by which it differs.
    pub(crate) rule: &'static str,
    /// What dimorph does, as JSON in the shape of the verdict.
    pub(crate) instead: &'static str,
}

const fn diverges(
    area: &'static str,
    name: &'static str,
    rule: &'static str,
    instead: &'static str,
) -> Divergence {
    Divergence {
        area,
        name,
        rule,
        instead,
    }
}

/// HTTPX does one thing, dimorph another, by a rule.
pub(crate) const DIVERGES: &[Divergence] = &[
    diverges(
        "seed_base_url",
        "http://x.test/api/ + '/headers'",
        "S7: a base_url is prepended, as in HTTPX 0.28; 0.13 joined",
        r#""http://x.test/api/headers""#,
    ),
    diverges(
        "seed_base_url",
        "http://x.test/api/ + '//y.test/z'",
        "S7: `//host/x` is a path",
        r#""http://x.test/api/y.test/z""#,
    ),
    diverges(
        "content_encode",
        "streaming body not read",
        "`Request::content` is an Option: a stream has none",
        r#"{"content":null}"#,
    ),
    diverges(
        "content_encode",
        "iterator -> chunked",
        "Errors: a body that cannot be sent again is BodyNotReplayable",
        r#"{"headers":{"Host":"www.example.com","Transfer-Encoding":"chunked"},"second_iteration":"BodyNotReplayable"}"#,
    ),
    diverges(
        "headers",
        "get joins",
        "headers are `http::HeaderMap`, which joins nothing",
        r#"{"get":{"A":"123","a":"123","b":"789","nope":null},"get_list_a":["123","456"],"items":[["a","123"],["a","456"],["b","789"]],"keys":["a","b"],"multi_items":[["a","123"],["a","456"],["b","789"]],"values":["123","456","789"]}"#,
    ),
    diverges(
        "headers",
        "None value rejected",
        "headers are `http::HeaderMap`: what is no value does not compile",
        r#""does not compile""#,
    ),
    diverges(
        "headers",
        "update moves to the end, keeps new casing",
        "headers are `http::HeaderMap`, whose names have no case and keep their place",
        r#"{"raw":[["a","9"],["b","2"]]}"#,
    ),
    diverges(
        "seed_limits",
        "defaults",
        "S24: idle connections are kept for 5 s, as in HTTPX 0.28",
        r#"{"hard_limit":100,"keepalive_expiry":5,"soft_limit":10}"#,
    ),
    diverges(
        "query_params",
        "a=123 remove ('a',)",
        "params are any Serialize: a list of pairs removes by itself",
        r#""no such operation""#,
    ),
    diverges(
        "timeout_config",
        "pool only -> error",
        "S23: `Timeout::new` says what the others are, so that there is nothing to miss",
        r#"{"connect":null,"pool":60.0,"read":null,"write":null}"#,
    ),
    diverges(
        "redirect_url",
        "malformed no host (#771)",
        "Redirect details: a missing host is RemoteProtocolError",
        r#"{"error":"RemoteProtocolError"}"#,
    ),
    diverges(
        "redirect_follow",
        "not followed by default (0.28)",
        "Client and merging: redirects are followed by default, as in the seed",
        r#"{"results":[{"history":[[303,"https://example.org/redirect_303"]],"status":200,"url":"https://example.org/"}],"sent":[{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/redirect_303"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/"}]}"#,
    ),
    diverges(
        "redirect_method",
        "302 PUT",
        "Redirect details: a changed method drops `content-*`",
        r#"{"results":[{"history":[[302,"https://example.org/a"]],"status":200,"url":"https://example.org/b"}],"sent":[{"body":"body","headers":{"content-length":"4","content-type":"text/x","host":"example.org"},"method":"PUT","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/b"}]}"#,
    ),
    diverges(
        "redirect_method",
        "303 POST",
        "Redirect details: a changed method drops `content-*`",
        r#"{"results":[{"history":[[303,"https://example.org/a"]],"status":200,"url":"https://example.org/b"}],"sent":[{"body":"body","headers":{"content-length":"4","content-type":"text/x","host":"example.org"},"method":"POST","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/b"}]}"#,
    ),
    diverges(
        "redirect_method",
        "303 PATCH",
        "Redirect details: a changed method drops `content-*`",
        r#"{"results":[{"history":[[303,"https://example.org/a"]],"status":200,"url":"https://example.org/b"}],"sent":[{"body":"body","headers":{"content-length":"4","content-type":"text/x","host":"example.org"},"method":"PATCH","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/b"}]}"#,
    ),
    diverges(
        "redirect_method",
        "302 DELETE",
        "Redirect details: a changed method drops `content-*`",
        r#"{"results":[{"history":[[302,"https://example.org/a"]],"status":200,"url":"https://example.org/b"}],"sent":[{"body":"body","headers":{"content-length":"4","content-type":"text/x","host":"example.org"},"method":"DELETE","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/b"}]}"#,
    ),
    diverges(
        "redirect_method",
        "302 POST",
        "Redirect details: a changed method drops `content-*`",
        r#"{"results":[{"history":[[302,"https://example.org/a"]],"status":200,"url":"https://example.org/b"}],"sent":[{"body":"body","headers":{"content-length":"4","content-type":"text/x","host":"example.org"},"method":"POST","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/b"}]}"#,
    ),
    diverges(
        "redirect_body",
        "303 drops json but keeps Content-Type",
        "Redirect details: a changed method drops `content-*`",
        r#"{"results":[{"history":[[303,"https://example.org/r"]],"status":200,"url":"https://example.org/t"}],"sent":[{"body":"{\"a\":1}","headers":{"content-length":"7","content-type":"application/json","host":"example.org"},"method":"POST","url":"https://example.org/r"},{"body":"","headers":{"host":"example.org"},"method":"GET","url":"https://example.org/t"}]}"#,
    ),
    diverges(
        "redirect_headers",
        "header auth: different port",
        "Redirect details: `proxy-authorization` stays with its origin too",
        r#"{"results":[{"history":[[302,"https://example.org/a"]],"status":200,"url":"https://example.org:8443/b"}],"sent":[{"body":"","headers":{"authorization":"abc","cookie":"h=1","host":"example.org","proxy-authorization":"pp","x-api-key":"k"},"method":"GET","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org:8443","x-api-key":"k"},"method":"GET","url":"https://example.org:8443/b"}]}"#,
    ),
    diverges(
        "redirect_headers",
        "header auth: https->http same host",
        "Redirect details: `proxy-authorization` stays with its origin too",
        r#"{"results":[{"history":[[302,"https://example.org/a"]],"status":200,"url":"http://example.org/b"}],"sent":[{"body":"","headers":{"authorization":"abc","cookie":"h=1","host":"example.org","proxy-authorization":"pp","x-api-key":"k"},"method":"GET","url":"https://example.org/a"},{"body":"","headers":{"host":"example.org","x-api-key":"k"},"method":"GET","url":"http://example.org/b"}]}"#,
    ),
    diverges(
        "redirect_headers",
        "header auth: different host",
        "Redirect details: `proxy-authorization` stays with its origin too",
        r#"{"results":[{"history":[[302,"https://example.com/a"]],"status":200,"url":"https://example.org/b"}],"sent":[{"body":"","headers":{"authorization":"abc","cookie":"h=1","host":"example.com","proxy-authorization":"pp","x-api-key":"k"},"method":"GET","url":"https://example.com/a"},{"body":"","headers":{"host":"example.org","x-api-key":"k"},"method":"GET","url":"https://example.org/b"}]}"#,
    ),
    diverges(
        "json_decode",
        "NaN literal",
        "RFC 8259: NaN is no JSON",
        r#"{"error":"Json"}"#,
    ),
    diverges(
        "lines",
        "unicode line separators",
        "Bodies: lines are split at LF, CRLF and CR alone",
        r#"["a b cd\u000be\ff\u001cg\u001dh\u001ei"]"#,
    ),
    diverges(
        "pool",
        "server closes as 2nd request arrives: error, no retry",
        "Faults: a stale connection costs one retry where that is safe",
        r#"{"connections":2,"received":["GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\n","GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\n"],"results":[{"body":"ok","http_version":"HTTP/1.1","reason":"OK","status":200},{"body":"ok","http_version":"HTTP/1.1","reason":"OK","status":200}]}"#,
    ),
    diverges(
        "wire_request",
        "header name with space rejected",
        "S3: refused before anything is sent, or even connected",
        r#"{"connections":0,"received":[],"results":[{"error":"LocalProtocolError"}]}"#,
    ),
    diverges(
        "wire_request",
        "header leading/trailing space",
        "S3: refused before anything is sent, or even connected",
        r#"{"connections":0,"received":[],"results":[{"error":"LocalProtocolError"}]}"#,
    ),
    diverges(
        "cookies",
        "per-request cookies dropped on redirect",
        "S5: cookies of a call survive its same-origin redirects",
        r#"{"results":[{"history":[[302,"http://a.test/start"]],"status":200,"url":"http://a.test/end"}],"sent":[{"body":"","headers":{"cookie":"r=1","host":"a.test"},"method":"GET","url":"http://a.test/start"},{"body":"","headers":{"cookie":"r=1","host":"a.test"},"method":"GET","url":"http://a.test/end"}]}"#,
    ),
    diverges(
        "cookies",
        "repr",
        "Secrets: `Debug` shows no value of a cookie",
        r#"{"repr":"Cookies[foo for blah.com/, fizz for hello.com/]"}"#,
    ),
    diverges(
        "multipart",
        "1-tuple rejected",
        "a part has a name and a content by its type",
        r#""does not compile""#,
    ),
    diverges(
        "multipart",
        "data dict value rejected",
        "a field of a form is a text by its type",
        r#""does not compile""#,
    ),
    diverges(
        "wire_response",
        "200 KB header rejected (limit 100 KiB)",
        "Limits: a head of 256 KiB, not 100",
        r#"{"connections":1,"results":[{"body":"ok","http_version":"HTTP/1.1","reason":"OK","status":200}]}"#,
    ),
    diverges(
        "seed_auth_precedence",
        "NETRC host:port key for non-default port",
        "S13: the key of a netrc entry is the host, without a port",
        r#"{"credentials":"nu:np"}"#,
    ),
    diverges(
        "proxy_match",
        "key validity ['all']",
        "S18: the seed's keys are taken",
        r#"{"valid":true}"#,
    ),
    diverges(
        "proxy_match",
        "key validity ['https']",
        "S18: the seed's keys are taken",
        r#"{"valid":true}"#,
    ),
    diverges(
        "seed_proxy_keys",
        "http://example.com:8080 ['http://example.com']",
        "S18: no port in a key means any port",
        r#"{"proxy":"http://[::1]"}"#,
    ),
    diverges(
        "no_proxy",
        "http://example.com env={'ALL_PROXY': 'http://p:1', 'NO_PROXY': 'example.com.'}",
        "S21, PRX-10: a final dot means nothing",
        r#"{"proxy":null}"#,
    ),
    diverges(
        "no_proxy",
        "http://www.localhost env={'ALL_PROXY': 'http://p:1', 'NO_PROXY': 'localhost'}",
        "S21: a host and its subdomains",
        r#"{"proxy":null}"#,
    ),
    diverges(
        "env_proxies",
        "{'no_proxy': 'localhost'}",
        "S21: a host and its subdomains",
        r#"{"http://a.localhost/":null,"http://alocalhost/":"http://added:1","http://localhost/":null,"http://localhost:81/":null,"http://other.test/":"http://added:1","https://a.localhost/":null,"https://alocalhost/":"http://added:1","https://localhost/":null,"https://localhost:81/":null,"https://other.test/":"http://added:1"}"#,
    ),
    diverges(
        "env_proxies",
        "{'no_proxy': '.github.com'}",
        "S21: `.host` is the host and its subdomains, as in the seed's time",
        r#"{"http://a.github.com/":null,"http://agithub.com/":"http://added:1","http://github.com/":null,"http://github.com:81/":null,"http://other.test/":"http://added:1","https://a.github.com/":null,"https://agithub.com/":"http://added:1","https://github.com/":null,"https://github.com:81/":null,"https://other.test/":"http://added:1"}"#,
    ),
    diverges(
        "proxy_config",
        "Proxy(http://user@h:1)",
        "Secrets: `Debug` is Rust's, and a user name without a password is a token",
        r#"{"auth":["user",""],"repr":"Proxy(http://h:1, user [secure])","url":"http://h:1"}"#,
    ),
    diverges(
        "proxy_config",
        "Proxy(http://user:pa%20ss@h:3128)",
        "Secrets: `Debug` is Rust's, and shows of credentials the user name alone",
        r#"{"auth":["user","pa ss"],"repr":"Proxy(http://h:3128, user \"user\")","url":"http://h:3128"}"#,
    ),
    diverges(
        "proxy_wire",
        "forward: absolute-form target, Proxy-Authorization",
        "S20: forwarded connections are shared between origins",
        r#"{"connections":1,"received":["GET http://origin.test/a?b=1 HTTP/1.1\r\nHost: origin.test\r\nProxy-Authorization: Basic dXNlcjpwYSBzcw==\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\nGET http://origin.test:8080/x HTTP/1.1\r\nHost: origin.test:8080\r\nProxy-Authorization: Basic dXNlcjpwYSBzcw==\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\n"],"results":[{"body":"ok","http_version":"HTTP/1.1","reason":"OK","status":200},{"body":"ok","http_version":"HTTP/1.1","reason":"OK","status":200}]}"#,
    ),
    diverges(
        "seed_proxy_mode",
        "DEFAULT http -> forward",
        "S3: names in Title-Case and the defaults' order, as in HTTPX 0.28, and no default port in the target",
        r#"{"connections":1,"received":["GET http://origin.test/a?b=1 HTTP/1.1\r\nHost: origin.test\r\nProxy-Authorization: Basic dTpw\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\nGET http://origin.test:8080/x HTTP/1.1\r\nHost: origin.test:8080\r\nProxy-Authorization: Basic dTpw\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\n"],"results":[{"text":"ok"},{"text":"ok"}]}"#,
    ),
    diverges(
        "seed_proxy_mode",
        "FORWARD_ONLY https -> absolute-form https target",
        "S3: names in Title-Case and the defaults' order, as in HTTPX 0.28, and no default port in the target",
        r#"{"connections":1,"received":["GET https://origin.test/x HTTP/1.1\r\nHost: origin.test\r\nProxy-Authorization: Basic dTpw\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\nGET https://other.test/y HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: Basic dTpw\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUser-Agent: {UA}\r\n\r\n"],"results":[{"text":"ok"},{"text":"ok"}]}"#,
    ),
    diverges(
        "seed_proxy_mode",
        "socks scheme",
        "Proxies: SOCKS5 is spoken",
        r#"{"valid":true}"#,
    ),
];

/// What waits: area, name, and for what.
pub(crate) const DEFERRED: &[(&str, &str, &str)] = &[];
