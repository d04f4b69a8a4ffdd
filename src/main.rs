//! The `botyard` program: a thin door to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    botyard::cli::run(std::env::args_os()).into()
}
