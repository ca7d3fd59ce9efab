//! A loopback server that speaks the languages of model servers and misbehaves on order.
//!
//! Code that must outlive its models can only be trusted if it has met every way in which
//! a model fails, down to the bytes: a reset before the first header, a chunked body cut in
//! the middle, an error event inside a 200. Mock servers built on an HTTP library cannot
//! produce those, and real models do not produce them on demand. This server writes its own
//! HTTP/1.1, so each [`Fault`] is exactly what its documentation says.
//!
//! It speaks OpenAI's chat completions and responses, Anthropic's messages and Gemini's contents,
//! with calls of tools, as far as coding-agent programs need them. One description of an answer
//! is behind all of them, and every fault is one of each.
//!
//! ```
//! use simulated_models::{Fault, ModelScript, Script, Server, Step};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let script = Script::with_model("small", ModelScript::failing(Fault::status(503)))
//!     .and_model("large", ModelScript::steps([Step::calls(1..=2, Fault::Refusal)]));
//! let server = Server::start(script).await?;
//! let base_url = server.base_url();
//! assert!(base_url.ends_with("/v1"));
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
mod answers;
mod asked;
mod chance;
mod clock;
mod connection;
mod fault;
mod http;
mod language;
mod ledger;
mod placeholder;
mod problem;
mod reply;
mod said;
mod script;
mod server;
mod state;
mod tool;
mod wire;
mod work;

pub use answers::{Answers, Edit, FileAnswer};
pub use chance::{Chance, Weighted};
pub use fault::Fault;
pub use ledger::Recorded;
pub use script::{ModelScript, Script, Step, When};
pub use server::Server;
pub use work::{Deed, Work};
