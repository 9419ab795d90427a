//! The process: parse the command line, do what it names, exit with its code.

use std::io;
use std::process::ExitCode;

use bidgate::cli::{self, Cli, Command};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::of_process() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let answer = match cli.command {
        Command::Serve(args) => cli::serve::run(&args),
        Command::Demo(args) => cli::demo::run(&args),
        Command::Check(args) => cli::check::run(&args),
        Command::Replay(args) => cli::replay::run(&args),
        Command::Policy(command) => {
            cli::policy::run(&command, &mut io::stdout(), &mut io::stderr())
        }
        Command::Audit(command) => cli::audit::run(&command, &mut io::stdout()),
        Command::Healthcheck(args) => cli::healthcheck::run(&args),
    };
    cli::exit_code(answer)
}
