//! A launcher and nothing else, for tests: what a program that embeds one does
//! at the top of its `main`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Err(error) = subprocess::confined::enter(std::env::args_os().skip(1));
    // `run` has been told in a way that a program can read.
    #[expect(clippy::print_stderr, reason = "for a person who starts it by hand")]
    {
        eprintln!("confined: {error}");
    }
    ExitCode::FAILURE
}
