//! Who may ask.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::routes::Shared;

/// Name of the cookie in which a browser keeps the token.
const COOKIE: &str = "vesalius-token";

/// What every answer says to a browser: nothing from elsewhere, in no frame, kept nowhere.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Refuses whoever may not, and adds the headers of every answer.
pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match check(&shared, &request) {
        Verdict::Pass => next.run(request).await,
        Verdict::Keep(cookie) => {
            // The token goes out of the address bar and of the browser's history.
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/".to_owned()), (header::SET_COOKIE, cookie)])
                .into_response()
        }
        Verdict::Refuse(status, why) => (status, format!("{why}\n")).into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

enum Verdict {
    Pass,
    Keep(String),
    Refuse(StatusCode, &'static str),
}

fn check(shared: &Shared, request: &Request<Body>) -> Verdict {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("");
    // A foreign site whose name was made to point here (DNS rebinding) still calls itself by that name.
    if shared.token.is_none() && !is_loopback_name(host) {
        return Verdict::Refuse(StatusCode::FORBIDDEN, "this server answers to localhost alone");
    }
    if request.uri().path() == "/healthz" && request.method() == Method::GET {
        return Verdict::Pass;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && !is_same_origin(headers, host) {
        return Verdict::Refuse(StatusCode::FORBIDDEN, "a page of another site may not control this");
    }
    let Some(token) = &shared.token else { return Verdict::Pass };
    if given(headers).is_some_and(|found| equal(found, token)) {
        return Verdict::Pass;
    }
    let in_query = request.uri().query().and_then(|q| q.split('&').find_map(|p| p.strip_prefix("token=")));
    match in_query {
        Some(found) if request.uri().path() == "/" && equal(found, token) => {
            Verdict::Keep(format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/"))
        }
        _ => Verdict::Refuse(StatusCode::UNAUTHORIZED, "the token is missing or wrong: open /?token=… once"),
    }
}

/// Whether a `Host` is a name of this machine that no name server gives.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a request comes from this server's own page, or from no page at all.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
        None => headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none"),
        Some(Ok(origin)) => origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|from| from.eq_ignore_ascii_case(host)),
        Some(Err(_)) => false,
    }
}

/// The token of a request's header or cookie.
fn given(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok());
    if let Some(token) = bearer.and_then(|h| h.strip_prefix("Bearer ")) {
        return Some(token.trim());
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|h| h.to_str().ok())
        .flat_map(|h| h.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Compared in a time that tells nothing of where they differ.
fn equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_loopback() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "127.8.8.8"]
        {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"]
        {
            assert!(!is_loopback_name(host), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_told_by_its_origin() {
        let with = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
        };
        assert!(is_same_origin(&HeaderMap::new(), "localhost:1"));
        assert!(is_same_origin(&with("origin", "http://localhost:1"), "localhost:1"));
        for origin in ["http://localhost:2", "http://evil.example", "null", "http://localhost:1.evil.example"]
        {
            assert!(!is_same_origin(&with("origin", origin), "localhost:1"), "{origin}");
        }
        assert!(!is_same_origin(&with("sec-fetch-site", "cross-site"), "localhost:1"));
    }
}
