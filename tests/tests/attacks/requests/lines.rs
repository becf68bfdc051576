//! Connections that speak no HTTP, or speak it to confuse.

use super::Case;

/// The head of a start that is allowed to.
fn head(more: &str) -> String {
    format!(
        "POST /v1/flows/f/runs HTTP/1.1\r\nhost: h\r\nauthorization: Bearer @\r\n\
         content-type: application/json\r\nconnection: close\r\n{more}\r\n"
    )
}

pub(crate) fn cases() -> Vec<Case> {
    let many: String = (0..300).map(|n| format!("x-{n}: y\r\n")).collect();
    let wide = format!("x-wide: {}\r\n", "y".repeat(1 << 20));
    let upload = head("content-length: 1099511627776\r\nexpect: 100-continue\r\n")
        .replace("POST /v1/flows/f/runs", "PUT /v1/components")
        .replace("application/json", "application/wasm");
    vec![
        Case::line("300 headers", head(&many), "431"),
        Case::line("a header of 1 MiB", head(&wide), "431"),
        Case::line("an upload that announces 1 TiB", upload, "component.too_large"),
        Case::line("two lengths", head("content-length: 2\r\ncontent-length: 3\r\n") + "{}", "400"),
        Case::line("a length below zero", head("content-length: -2\r\n") + "{}", "400"),
        Case::line(
            "a length past every number",
            head("content-length: 99999999999999999999999\r\n") + "{}",
            "400",
        ),
        Case::cut(
            "a body that ends early",
            head("content-length: 100\r\n") + "{}",
            "request.invalid",
        ),
        Case::line(
            "chunks that are none",
            head("transfer-encoding: chunked\r\n") + "zz\r\n{}\r\n",
            "request.invalid",
        ),
        Case::cut(
            "a chunk of 16 EiB",
            head("transfer-encoding: chunked\r\n") + "ffffffffffffffff\r\n{}",
            "request.invalid",
        ),
        Case::line("a header folded around NUL", head("x-nul: a\0b\r\n"), "400"),
        Case::line(
            "a path that climbs",
            head("").replace("/v1/flows/f/runs", "/v1/flows/../../../etc/passwd"),
            "not_found",
        ),
        Case::line(
            "a whole URL in place of a path",
            head("content-length: 0\r\n").replace("POST /v1", "GET http://169.254.169.254/v1"),
            "method_not_allowed",
        ),
        Case::line("a version of HTTP there is none of", "GET / HTTP/7.3\r\n\r\n", "400"),
        Case::line(
            "the beginning of TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            "400",
        ),
        Case::line("bytes without meaning", vec![0xfe; 4_096], "400"),
        Case::cut("nothing", Vec::new(), "closed"),
    ]
}
