//! A loopback server that keeps issues and pull requests as GitHub does and misbehaves on order.
//!
//! Code that writes to GitHub goes wrong where the network does: an answer is lost after the
//! issue was made, the service throttles, goes away, comes back. The real service does none of
//! this on demand. This one has a state of its own, so a test can count afterwards what was made,
//! and it holds every request against GitHub's own OpenAPI description: a request that GitHub
//! would refuse, or whose misspelt field it would silently ignore, is a [`Server::violations`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use simulated_github::{Act, Fault, Server};
//! let server = Server::start("octo/demo", "ghp_simulated").await?;
//! server.fault(Fault::on("POST", "/issues", Act::LoseAnswer));
//! assert!(server.api_url().starts_with("http://127.0.0.1:"));
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

/// The readme's example is run as those here are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod answer;
mod description;
mod fault;
mod graphql;
mod http;
mod json;
mod pulls;
mod server;
mod world;

pub use fault::{Act, Fault};
pub use server::{Recorded, Server};
pub use world::{Comment, Happened, Happening, Issue, Pull, World};
