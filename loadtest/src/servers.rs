//! Starting bidgate and the stock server, each as a user would.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;
use tempfile::TempDir;

use crate::admin;
use crate::client::{Endpoint, Method};
use crate::clock;
use crate::cores::Cores;
use crate::error::Error;
use crate::interrupt;
use crate::noop::{Flavour, NoopArgs};
use crate::process::Process;
use crate::target::Target;

/// How servers are started.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerArgs {
    /// The bidgate to measure [default: built with cargo, in the profile of this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) bidgate: Option<PathBuf>,
    /// Threads that serve, the same number in every server
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Leave it to the kernel where servers and generator run
    #[arg(long)]
    pub(crate) no_pin: bool,
}

impl ServerArgs {
    /// None if nothing is to be pinned. This thread is one of the generator's from here on.
    pub(crate) fn cores(&self) -> Result<Option<Cores>, Error> {
        if self.no_pin {
            return Ok(None);
        }
        let cores = Cores::split(self.threads.into())?;
        if let Some(cores) = &cores {
            cores.enter_generator()?;
        }
        Ok(cores)
    }

    /// The binary to measure: a fresh build, as an old one would be measured in the name of the new.
    pub(crate) fn binary(&self) -> Result<PathBuf, Error> {
        match &self.bidgate {
            Some(path) => Ok(path.clone()),
            None => build(),
        }
    }
}

fn build() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().map_err(Error::system("find this program"))?;
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--quiet",
            "--package",
            "bidgate",
            "--bin",
            "bidgate",
        ])
        .arg("--manifest-path")
        .arg(manifest);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command.status();
    let status = status.map_err(|error| Error::Build(error.to_string()))?;
    let binary = own.with_file_name("bidgate");
    if !status.success() {
        return Err(Error::Build(format!("cargo ended with {status}")));
    }
    if !binary.is_file() {
        return Err(Error::Build(format!("there is no {}", binary.display())));
    }
    Ok(binary)
}

/// A running bidgate: TCP on loopback, a Unix socket, and the admin pages.
#[derive(Debug)]
pub(crate) struct Bidgate {
    pub(crate) process: Process,
    tcp: Target,
    unix: Target,
    pub(crate) admin: SocketAddr,
    /// From the start of the process to its first "ready".
    pub(crate) ready_after: Duration,
    /// Where its socket is; removed with it.
    _folder: TempDir,
}

impl Bidgate {
    /// Starts it with the default policy and waits until it is ready. `flags` are passed on.
    pub(crate) fn start(
        binary: &Path,
        args: &ServerArgs,
        cores: Option<&Cores>,
        flags: &[String],
    ) -> Result<Self, Error> {
        Self::start_as(Command::new(binary), ANY_PORT, args, cores, flags)
    }

    /// The same at an address, and by a command of which the last argument is the binary.
    pub(crate) fn start_as(
        mut command: Command,
        listen: SocketAddr,
        args: &ServerArgs,
        cores: Option<&Cores>,
        flags: &[String],
    ) -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(Error::system("make a folder"))?;
        let socket = folder.path().join("bidgate.sock");
        let unix = Target::Unix(socket);
        let admin = free_port()?;
        command
            .args(["serve", "--log-level", "warn"])
            .args(["--listen", &listen.to_string()])
            .args(["--listen", &unix.to_string()])
            .args(["--admin", &admin.to_string()])
            .args(["--workers", &args.threads.to_string()])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let began = clock::now();
        let mut process = on_server_cores(cores, || Process::spawn("bidgate", &mut command))?;
        let ready_after = wait_until_ready(&mut process, admin, began)?;
        Ok(Self {
            tcp: tcp_address(admin)?,
            process,
            unix,
            admin,
            ready_after,
            _folder: folder,
        })
    }

    pub(crate) const fn tcp(&self) -> &Target {
        &self.tcp
    }

    pub(crate) fn over_tcp(&self, method: Method) -> Result<Endpoint, Error> {
        self.process.endpoint(&self.tcp, method)
    }

    pub(crate) fn over_unix(&self, method: Method) -> Result<Endpoint, Error> {
        self.process.endpoint(&self.unix, method)
    }
}

/// The system chooses one.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The admin port cannot be asked for, so it is chosen here, among those that are free.
pub(crate) fn free_port() -> Result<SocketAddr, Error> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .and_then(|listener| listener.local_addr())
        .map_err(Error::system("find a free port"))
}

fn wait_until_ready(
    process: &mut Process,
    admin: SocketAddr,
    began: Instant,
) -> Result<Duration, Error> {
    while began.elapsed() < READY_PATIENCE {
        interrupt::check()?;
        if admin::get(admin, "/health/ready").is_ok_and(|page| page.status == 200) {
            return Ok(began.elapsed());
        }
        process.check()?;
        thread::sleep(READY_INTERVAL);
    }
    Err(Error::NotReady("bidgate"))
}

/// Where it serves gRPC over TCP, as it says itself.
fn tcp_address(admin: SocketAddr) -> Result<Target, Error> {
    let page = admin::get(admin, "/health/info").map_err(Error::system("read /health/info"))?;
    let info: Value = serde_json::from_str(&page.body).map_err(Error::Json)?;
    let listeners = info.get("listeners").and_then(Value::as_array);
    listeners
        .into_iter()
        .flatten()
        .filter_map(|listener| listener.as_str()?.parse().ok())
        .find(|target| matches!(target, Target::Tcp(_)))
        .ok_or(Error::NotReady("bidgate"))
}

/// A running stock server.
#[derive(Debug)]
pub(crate) struct Stock {
    process: Process,
    tcp: Target,
}

impl Stock {
    /// Starts it from this program's own binary and waits until it listens.
    pub(crate) fn start(args: NoopArgs, cores: Option<&Cores>) -> Result<Self, Error> {
        let own = std::env::current_exe().map_err(Error::system("find this program"))?;
        let mut command = Command::new(own);
        command
            .args(["noop-server", "--threads", &args.threads.to_string()])
            .args(["--runtime", args.runtime.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let spawn = || Process::spawn("the stock server", &mut command);
        let mut process = on_server_cores(cores, spawn)?;
        let line = process.first_line()?;
        let tcp = line.trim().parse();
        let tcp = tcp.map_err(|_bad| Error::NotReady("the stock server"))?;
        Ok(Self { process, tcp })
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        self.process.endpoint(&self.tcp, Method::Noop)
    }
}

/// Where telemetry is sent to.
#[derive(Debug)]
pub(crate) struct Collector {
    /// None where nobody listens.
    _process: Option<Process>,
    address: SocketAddr,
    /// Where the key is; removed with it.
    folder: TempDir,
}

impl Collector {
    /// Starts one, from this program's own binary, that answers after so long. Real ones are on another machine: it
    /// runs where there is room, and gives way to everybody.
    pub(crate) fn start(delay: Duration) -> Result<Self, Error> {
        let own = std::env::current_exe().map_err(Error::system("find this program"))?;
        let mut command = Command::new("nice");
        command
            .args(["-n", "19"])
            .arg(own)
            .args(["collector", "--delay-ms", &delay.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Process::spawn("the collector", &mut command)?;
        let address = process.first_line()?.trim().parse();
        let address = address.map_err(|_bad| Error::NotReady("the collector"))?;
        Self::at(address, Some(process))
    }

    /// One that is not there.
    pub(crate) fn dead() -> Result<Self, Error> {
        Self::at(free_port()?, None)
    }

    fn at(address: SocketAddr, process: Option<Process>) -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(Error::system("make a folder"))?;
        let key = fs::write(folder.path().join(KEY_FILE), KEY);
        key.map_err(Error::system("write a key"))?;
        Ok(Self {
            _process: process,
            address,
            folder,
        })
    }

    /// What makes a sidecar send its telemetry there.
    pub(crate) fn flags(&self) -> Vec<String> {
        let key_file = self.folder.path().join(KEY_FILE);
        vec![
            "--telemetry-sink=http".to_owned(),
            format!("--telemetry-endpoint=http://{}", self.address),
            format!("--telemetry-api-key-file={}", key_file.display()),
        ]
    }
}

const KEY_FILE: &str = "api-key";
/// Opens nothing.
const KEY: &str = "pk_live_0000000000000000000000000000000000000000000000000000000000000000";

impl Process {
    fn endpoint(&self, target: &Target, method: Method) -> Result<Endpoint, Error> {
        Ok(Endpoint {
            target: target.clone(),
            method,
            cpu: Some(self.cpu_clock()?),
        })
    }
}

/// The stock server with as many threads as bidgate has.
pub(crate) fn stock_args(args: &ServerArgs, runtime: Flavour) -> NoopArgs {
    NoopArgs {
        threads: args.threads,
        runtime,
    }
}

/// A process starts on the cores of the thread that starts it.
fn on_server_cores<T>(
    cores: Option<&Cores>,
    start: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let Some(cores) = cores else { return start() };
    cores.enter_server()?;
    let started = start();
    cores.enter_generator()?;
    started
}

const READY_PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions: a small part of the tens of milliseconds that are measured.
const READY_INTERVAL: Duration = Duration::from_micros(200);
