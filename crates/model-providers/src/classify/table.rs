//! The table: status, then code and type, then phrase. The first row that holds decides.
//!
//! A class that is decided anywhere else is decided twice, and differently.

use super::Complaint;
use crate::Class;
use Class::{
    Auth, ContextOverflow, InvalidOutput, InvalidRequest, QuotaExhausted, RateLimited, Refused,
    Timeout, Unavailable,
};

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) class: Class,
    /// Whether it says nothing about the provider's other models.
    pub(crate) this_model_only: bool,
    /// Whether a row named it; else it is what is left.
    pub(crate) certain: bool,
}

/// A row holds if every part that is not empty does.
struct Row {
    statuses: &'static [u16],
    codes: &'static [&'static str],
    /// In lower case; any of them is enough.
    phrases: &'static [&'static str],
    class: Class,
}

const fn codes(class: Class, codes: &'static [&'static str]) -> Row {
    Row { statuses: &[], codes, phrases: &[], class }
}

const fn phrases(class: Class, statuses: &'static [u16], phrases: &'static [&'static str]) -> Row {
    Row { statuses, codes: &[], phrases, class }
}

const fn statuses(class: Class, statuses: &'static [u16]) -> Row {
    Row { statuses, codes: &[], phrases: &[], class }
}

/// Statuses with which a full context is reported.
const OVERFLOW_STATUSES: &[u16] = &[400, 413, 422, 429, 500];
const ROWS: &[Row] = &[
    // A request larger than a whole minute's allowance never fits, however long one waits.
    phrases(ContextOverflow, &[413, 429], &["request too large", "too large for model"]),
    // Codes and types.
    codes(
        QuotaExhausted,
        &[
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
            "billing_error",
            "insufficient_balance",
            "insufficient_credits",
            "credit_balance_too_low",
            "exceeded_current_quota_error",
            "payment_required",
            "quota_exceeded",
            "arrearage",
            "creditserror",
            "monthlylimiterror",
            "userlimiterror",
        ],
    ),
    codes(
        ContextOverflow,
        &[
            "context_length_exceeded",
            "exceed_context_size_error",
            "request_too_large",
            "model_max_prompt_tokens_exceeded",
            "tokens_limit_reached",
            "context_window_exceeded",
            "string_above_max_length",
        ],
    ),
    codes(
        Refused,
        &[
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "content_filtered",
            "moderation_blocked",
            "data_inspection_failed",
            "flagged",
            "invalid_prompt",
            "prohibited_content",
        ],
    ),
    codes(InvalidOutput, &["json_validate_failed"]),
    codes(InvalidRequest, MODEL_CODES),
    codes(
        Auth,
        &[
            "invalid_api_key",
            "authentication_error",
            "permission_error",
            "permission_denied",
            "unauthenticated",
            "unauthorized",
            "api_key_invalid",
            "account_deactivated",
            "invalid_authentication_error",
            "access_terminated_error",
            "api_key_expired",
            "autherror",
        ],
    ),
    codes(
        RateLimited,
        &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limit_reached_error",
            "resource_exhausted",
            "too_many_requests",
            "rate_limited",
            "throttling",
            "ratelimitreached",
        ],
    ),
    codes(
        Unavailable,
        &[
            "overloaded_error",
            "engine_overloaded",
            "engine_overloaded_error",
            "server_overloaded",
            "service_unavailable",
            "unavailable_error",
            "model_overloaded",
        ],
    ),
    // Phrases, in the error's own message.
    phrases(
        QuotaExhausted,
        &[400, 403, 429],
        &[
            "credit balance is too low",
            "insufficient balance",
            "insufficient_quota",
            "insufficient credits",
            "exceeded your current quota",
            "out of credits",
            "billing hard limit",
            "insufficient funds",
        ],
    ),
    phrases(
        ContextOverflow,
        OVERFLOW_STATUSES,
        &[
            "maximum context length",
            "maximum model length",
            "context length",
            "context window",
            "available context size",
            "context size has been exceeded",
            "exceed context limit",
            "prompt is too long",
            "input is too long",
            "too many tokens",
            "input token count",
            "reduce the length of the messages",
            "prompt contains too many tokens",
            "exceeds the maximum number of tokens",
            "maximum context size",
        ],
    ),
    phrases(
        Refused,
        &[400, 403],
        &[
            "content management policy",
            "content filtering policy",
            "safety system",
            "flagged as potentially violating",
            "input was flagged",
            "requires moderation",
        ],
    ),
    phrases(
        Auth,
        &[400],
        &["api key not valid", "invalid api key", "incorrect api key", "api key expired"],
    ),
    phrases(InvalidOutput, &[400], &["failed to generate json"]),
    // What is left is the status's own meaning.
    statuses(Auth, &[401, 403]),
    statuses(QuotaExhausted, &[402]),
    statuses(Timeout, &[408]),
    statuses(Unavailable, &[409, 425, 498]),
    statuses(ContextOverflow, &[413]),
    statuses(RateLimited, &[429]),
];

/// A model that is not there is no fault of its sisters.
const MODEL_CODES: &[&str] = &[
    "model_not_found",
    "model_not_available",
    "deploymentnotfound",
    "invalid_model",
    "model_decommissioned",
    "not_found_error",
    "unknown_model",
    "modelerror",
];
const MODEL_PHRASES: &[&str] = &[
    "no endpoints found",
    "not found, try pulling it first",
    "does not exist",
    "is not supported",
    "is not found",
    "not a valid model",
];

/// The class of a complaint. Without a status it stood inside an answer that began well.
pub(crate) fn classify(status: Option<u16>, complaint: &Complaint) -> Verdict {
    let said = complaint.message.to_lowercase();
    let row = ROWS.iter().find(|row| holds(row, status, complaint, &said));
    let class = match (row, status) {
        (Some(row), _) => row.class,
        (None, Some(500..)) => Unavailable,
        (None, _) => InvalidRequest,
    };
    let named = complaint.codes.iter().any(|c| MODEL_CODES.contains(&c.as_str()));
    let about_model = said.contains("model") || said.contains("endpoints");
    let phrased = about_model && MODEL_PHRASES.iter().any(|phrase| said.contains(phrase));
    Verdict {
        class,
        this_model_only: class == InvalidRequest
            && (named || (matches!(status, Some(400 | 404)) && phrased)),
        certain: row.is_some() || status.is_some(),
    }
}

fn holds(row: &Row, status: Option<u16>, complaint: &Complaint, said: &str) -> bool {
    let by_status = row.statuses.is_empty() || status.is_none_or(|s| row.statuses.contains(&s));
    let by_code = row.codes.is_empty()
        || complaint.codes.iter().any(|code| row.codes.contains(&code.as_str()));
    let by_phrase = row.phrases.is_empty() || row.phrases.iter().any(|p| said.contains(p));
    let only_by_status = row.codes.is_empty() && row.phrases.is_empty();
    // Without a status a row that knows nothing else says nothing.
    by_status && by_code && by_phrase && (status.is_some() || !only_by_status)
}
