//! `bidgate demo`: the first minute. A sidecar, a dozen auctions, a burst of calls, and where to go from here.

mod burst;
mod report;
mod story;
mod traffic;

use std::io::{self, StdoutLock, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tonic::transport::Channel;

use burst::Burst;
use report::Report;
use story::{Story, Told};

use super::admin;
use super::error::{CliError, Named};
use super::healthcheck::connect;
use super::judge::PolicyArgs;
use super::serve::{Listen, Sidecar};
use super::terminal::Palette;
use super::{Outcome, complain};
use crate::document::Problems;
use crate::policy::Policy;
use crate::proto::bid_gate_service_client::BidGateServiceClient;
use crate::server::signals;

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
Without --policy, the default policy judges, with a time budget of 1 s.
Exit code: 0 every auction got the verdict it should, 1 one did not.

Examples:
  bidgate demo
  bidgate demo --once --json";

/// What `bidgate demo` is told.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// End after the burst and a look at the page, without serving on
    #[arg(long)]
    once: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Where `bidgate serve` listens by default (spec: contract §4).
const GRPC_PORT: u16 = 50051;
const ADMIN_PORT: u16 = 8080;

/// Shows a sidecar at work.
///
/// # Errors
/// When the sidecar cannot be started or reached, or standard output not written.
pub fn run(args: &DemoArgs) -> Result<Outcome, CliError> {
    let stories = story::bundled()?;
    let policy = args.policy.load_or(patient_policy)?;
    let home = SocketHome::create();
    let sidecar = Sidecar::start(listen(home.as_ref())?, policy)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Start)?;
    let report = runtime.block_on(visit(&stories, &sidecar.listen, args))?;
    if !args.once {
        runtime.block_on(stay(&stories, &sidecar.listen))?;
    }
    sidecar.stop();
    Ok(if report.as_expected() {
        Outcome::Yes
    } else {
        Outcome::No
    })
}

/// The default policy with time for a machine that is busy starting a sidecar: none of the stories is about that.
fn patient_policy() -> Result<Policy, Problems> {
    Policy::from_yaml("timeout_ms: 1000", "demo")
}

/// The default ports where they are free, others where not.
fn listen(home: Option<&SocketHome>) -> Result<Listen, CliError> {
    Ok(Listen {
        grpc: free_address(GRPC_PORT)?,
        socket: home.map(SocketHome::socket),
        admin: free_address(ADMIN_PORT)?,
    })
}

fn free_address(port: u16) -> Result<SocketAddr, CliError> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(wanted) {
        Ok(_free) => Ok(wanted),
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => {
            complain(format_args!(
                "port {port} is taken; the demo takes a free one"
            ));
            Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        }
        Err(cause) => Err(CliError::Start(cause)),
    }
}

/// A directory for the demo's Unix socket, gone when the demo ends.
#[derive(Debug)]
struct SocketHome(PathBuf);

impl SocketHome {
    /// None where there is no place for it: the demo then does without a Unix socket.
    fn create() -> Option<Self> {
        let home = std::env::temp_dir().join(format!("bidgate-demo-{}", std::process::id()));
        std::fs::create_dir(&home).ok().map(|()| Self(home))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("bidgate.sock")
    }
}

impl Drop for SocketHome {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the directory for temporary files.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Tells all stories over TCP, then sends a burst over each transport; says what it saw as soon as it saw it.
async fn visit<'a>(
    stories: &'a [Story],
    listen: &Listen,
    args: &DemoArgs,
) -> Result<Report<'a>, CliError> {
    let tcp = connect(&listen.grpc.to_string()).await?;
    let mut report = Report::new(tell_all(stories, tcp.clone()).await?, listen);
    if !args.json {
        print(|out, palette| report.print_auctions(out, palette))?;
    }
    report.bursts.push(burst_over("tcp", tcp).await?);
    if let Some(socket) = &listen.socket {
        let unix = connect(&format!("unix://{}", socket.display())).await?;
        report.bursts.push(burst_over("unix", unix).await?);
    }
    report.page.bytes = page_len(listen.admin).await?;
    if args.json {
        print_json(&report)?;
    } else {
        print(|out, palette| report.print_bursts(out, palette))?;
    }
    match (args.json, args.once) {
        (true, _) => {}
        (false, true) => print(|out, _| report.print_page(out))?,
        (false, false) => print(|out, _| report.print_next_steps(out))?,
    }
    Ok(report)
}

/// Opens the page as a browser would, and says how long it is.
async fn page_len(admin: SocketAddr) -> Result<usize, CliError> {
    let admin = admin.to_string();
    let failed = |cause| CliError::Ask(Named::boxed(admin.as_str(), cause));
    let answer = admin::get(&admin, "/").await.map_err(failed)?;
    if answer.is_ok() {
        Ok(answer.body_len)
    } else {
        Err(failed(io::Error::other(answer.status_line())))
    }
}

/// Serves until Ctrl-C, with some calls for the page to show.
async fn stay(stories: &[Story], listen: &Listen) -> Result<(), CliError> {
    let channel = connect(&listen.grpc.to_string()).await?;
    tokio::select! {
        () = signals::terminated() => Ok(()),
        error = traffic::keep_calling(stories, channel) => Err(error),
    }
}

fn print(
    part: impl FnOnce(&mut StdoutLock<'_>, Palette) -> io::Result<()>,
) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let palette = Palette::of(&out);
    part(&mut out, palette)
        .and_then(|()| out.flush())
        .map_err(CliError::Write)
}

fn print_json(report: &Report<'_>) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report).map_err(CliError::Json)?;
    writeln!(out).map_err(CliError::Write)
}

async fn tell_all(stories: &[Story], channel: Channel) -> Result<Vec<Told<'_>>, CliError> {
    let mut client = BidGateServiceClient::new(channel);
    let mut all = Vec::with_capacity(stories.len());
    for story in stories {
        all.push(tell(story, &mut client).await?);
    }
    Ok(all)
}

async fn tell<'a>(
    story: &'a Story,
    client: &mut BidGateServiceClient<Channel>,
) -> Result<Told<'a>, CliError> {
    let reply = client
        .evaluate(story.call())
        .await
        .map_err(|status| CliError::Call(Box::new(status)))?;
    Ok(Told {
        story,
        reply: reply.into_inner(),
    })
}

async fn burst_over(transport: &'static str, channel: Channel) -> Result<Burst, CliError> {
    let progress = ProgressBar::new(burst::CALLS);
    let style = ProgressStyle::with_template("{msg:5} {bar:40} {pos}/{len} calls  {per_sec}");
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    progress.set_message(transport);
    let burst = burst::send(transport, channel, &story::typical()?, &progress).await;
    progress.finish_and_clear();
    burst
}
