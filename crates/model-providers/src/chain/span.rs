//! One span an attempt, with the names that OpenTelemetry has for it.
//!
//! A name of our own would have to be translated by each collector. What a server said is not in
//! it: only what was asked, by which class it failed, and what it took.

use tracing::Span;
use tracing::field::Empty;

use crate::Class;
use crate::budget::Usage;
use crate::providers::Route;

/// The span of an attempt that is about to be made.
pub(super) fn attempt(route: Route<'_>, number: u32, position: usize) -> Span {
    let url = &route.endpoint.base_url;
    let span = tracing::info_span!(
        "gen_ai.chat",
        otel.name = %format_args!("chat {}", route.model.name),
        otel.kind = "client",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = route.model.provider,
        gen_ai.request.model = route.model.name,
        gen_ai.request.stream = true,
        gen_ai.output.type = "json",
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        server.address = url.host_str().unwrap_or_default(),
        server.port = url.port_or_known_default().unwrap_or_default(),
        http.response.status_code = Empty,
        error.type = Empty,
        belay.attempt = number,
        belay.position = position,
        belay.cost.usd = Empty,
    );
    span
}

/// How it ended.
pub(super) fn ended(
    span: &Span,
    failed: Option<(Class, Option<u16>)>,
    usage: Usage,
    usd: Option<f64>,
) {
    if let Some((class, status)) = failed {
        span.record("error.type", class.as_str());
        status.map(|status| span.record("http.response.status_code", status));
    }
    if let Some(tokens) = usage.told() {
        span.record("gen_ai.usage.input_tokens", tokens.input);
        span.record("gen_ai.usage.output_tokens", tokens.output);
    }
    usd.map(|usd| span.record("belay.cost.usd", usd));
}
