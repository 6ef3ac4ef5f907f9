//! Gives the process to the library as values: arguments, environment, streams; and takes back an exit code.

use std::io;
use std::process::ExitCode;

use yardarm::cli::{self, Process};

fn main() -> ExitCode {
    // A variable that is not UTF-8 cannot be meant for us.
    let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let mut process = Process {
        environment: environment.collect(),
        input: &mut io::stdin(),
        out: &mut io::stdout(),
        err: &mut io::stderr(),
    };
    cli::run(std::env::args_os(), &mut process).code().into()
}
