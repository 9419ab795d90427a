//! `bidgate healthcheck`: for container probes and impatient people.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::admin;
use super::error::{CliError, Named};
use super::{Outcome, complain};
use crate::tls;

/// Shown below the help of this command.
pub const EXAMPLES: &str = "\
Exit code: 0 it serves, 1 it does not, or did not answer within 2 seconds.

Examples:
  bidgate healthcheck
  bidgate healthcheck --address unix:///run/bidgate/bidgate.sock
  bidgate healthcheck --admin 127.0.0.1:8080
  bidgate healthcheck --live --admin 127.0.0.1:8080
  bidgate healthcheck --admin 127.0.0.1:8080 --ca-file ca.crt --server-name bidder.ads.svc";

/// What `bidgate healthcheck` is told.
#[derive(Args, Clone, Debug)]
pub struct HealthcheckArgs {
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Where the sidecar speaks gRPC: http://host:port or unix:///path"
    )]
    #[arg(default_value = "http://127.0.0.1:50051")]
    address: String,
    /// Ask the admin port for readiness instead: host:port
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "address", value_parser = host_and_port)]
    admin: Option<String>,
    /// Ask only whether the process runs, which a sidecar that drains does too
    #[arg(long, requires = "admin")]
    live: bool,
    /// Ask the admin port over TLS, trusting the PEM certificates in this file
    #[arg(long, value_name = "FILE", requires = "admin")]
    ca_file: Option<PathBuf>,
    /// The name that its certificate must have [default: the host of --admin]
    #[arg(long, value_name = "NAME", requires = "ca_file")]
    server_name: Option<String>,
}

impl HealthcheckArgs {
    const fn page(&self) -> &'static str {
        if self.live {
            "/health/live"
        } else {
            "/health/ready"
        }
    }

    /// Whom to trust, and by which name, where TLS is to be spoken.
    fn tls(&self, admin: &str) -> io::Result<Option<(ClientConfig, ServerName<'static>)>> {
        let Some(file) = &self.ca_file else {
            return Ok(None);
        };
        let config = tls::client_config(Some(file))
            .map_err(|error| io::Error::other(format!("--ca-file: {error}")))?;
        let host = admin.rsplit_once(':').map_or(admin, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(|error| {
            io::Error::other(format!(
                "the name of the certificate, by --server-name or --admin: {error}"
            ))
        })?;
        Ok(Some((config, name)))
    }
}

fn host_and_port(text: &str) -> Result<String, &'static str> {
    let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("must be host:port, such as 127.0.0.1:8080"),
    }
}

/// Long enough for a loaded machine, shorter than any probe's own time limit.
const DEADLINE: Duration = Duration::from_secs(2);

/// Asks once and says what came of it in one line.
///
/// # Errors
/// When the runtime cannot be started, or standard output not written. A sidecar that cannot be reached is an answer.
pub fn run(args: &HealthcheckArgs) -> Result<Outcome, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Start)?;
    let asked = args.admin.as_ref().unwrap_or(&args.address);
    let answer = runtime.block_on(async { tokio::time::timeout(DEADLINE, ask(args)).await });
    match answer {
        Ok(Ok(Health { serving: true, .. })) => {
            writeln!(io::stdout(), "{asked}: serving").map_err(CliError::Write)?;
            return Ok(Outcome::Yes);
        }
        Ok(Ok(Health { said, .. })) => complain(format_args!("{asked}: not serving: {said}")),
        Ok(Err(error)) => complain(format_args!("{error}")),
        Err(_elapsed) => complain(format_args!(
            "{asked}: no answer within {} s",
            DEADLINE.as_secs()
        )),
    }
    Ok(Outcome::No)
}

/// What a sidecar says of itself.
struct Health {
    serving: bool,
    said: String,
}

async fn ask(args: &HealthcheckArgs) -> Result<Health, CliError> {
    match &args.admin {
        Some(admin) => ask_admin(admin, args)
            .await
            .map_err(|cause| CliError::Ask(Named::boxed(admin.as_str(), cause))),
        None => ask_grpc(&args.address).await,
    }
}

async fn ask_grpc(address: &str) -> Result<Health, CliError> {
    let mut client = HealthClient::new(connect(address).await?);
    let whole_server = HealthCheckRequest {
        service: String::new(),
    };
    let reply = client
        .check(whole_server)
        .await
        .map_err(|status| CliError::Call(Box::new(status)))?;
    let status = reply.into_inner().status();
    Ok(Health {
        serving: status == ServingStatus::Serving,
        said: status.as_str_name().to_owned(),
    })
}

/// Connects to `http://host:port`, `unix:///path`, or `host:port` as configuration writes it.
///
/// # Errors
/// When the address is none, or nobody listens there.
pub(super) async fn connect(address: &str) -> Result<Channel, CliError> {
    let is_complete = address.contains("://") || address.starts_with("unix:");
    let complete = if is_complete {
        address.to_owned()
    } else {
        format!("http://{address}")
    };
    let failed = |cause| CliError::Connect(Named::boxed(address, cause));
    Endpoint::from_shared(complete)
        .map_err(failed)?
        .connect()
        .await
        .map_err(failed)
}

async fn ask_admin(admin: &str, args: &HealthcheckArgs) -> io::Result<Health> {
    let answer = match args.tls(admin)? {
        Some(tls) => Box::pin(admin::get_over_tls(admin, args.page(), tls)).await?,
        None => admin::get(admin, args.page()).await?,
    };
    Ok(Health {
        serving: answer.is_ok(),
        said: answer.status_line().escape_debug().to_string(),
    })
}
