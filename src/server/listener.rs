//! Open listeners, TCP and Unix.

use std::fmt;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::config::Listen;
use crate::telemetry::SinkError;

/// An open listener.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, SocketFile),
}

impl Listener {
    pub(super) fn bind(listen: &Listen, unix_mode: u32) -> Result<Self, BindError> {
        match listen {
            Listen::Tcp(address) => {
                let (listener, address) = bind_tcp(*address)?;
                Ok(Self::Tcp(listener, address))
            }
            Listen::Unix(path) => {
                let (listener, file) = bind_unix(path, unix_mode)?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    /// Where it listens, with the port that the system chose.
    pub(super) fn address(&self) -> Listen {
        match self {
            Self::Tcp(_, address) => Listen::Tcp(*address),
            Self::Unix(_, file) => Listen::Unix(file.path.clone()),
        }
    }
}

/// Opens a TCP listener, ready for a runtime. The address has the port that the system chose.
pub(super) fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    open().map_err(|source| BindError::new(&Listen::Tcp(address), Cause::of(source)))
}

/// Opens a Unix listener with the given permission bits. They are set between bind and listen: until a socket listens
/// the kernel refuses every connection, so there is no moment at which the file is open to more callers than it should.
/// The umask, which all threads share, is left alone.
fn bind_unix(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |cause| BindError::new(&Listen::Unix(path.to_owned()), cause);
    remove_stale(path).map_err(failed)?;
    let open = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::new(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok((UnixListener::from(socket), file))
    };
    open().map_err(|source| failed(Cause::of(source)))
}

/// Removes the socket that a process left behind. Nothing else is removed: not a socket that answers, and not a file of
/// another kind.
fn remove_stale(path: &Path) -> Result<(), Cause> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Cause::of(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(Cause::NotASocket);
    }
    match probe(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(Cause::of)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Cause::InUse),
        Ok(()) => Err(Cause::InUse),
        Err(error) => Err(Cause::of(error)),
    }
}

/// Connects without waiting: a process whose backlog is full is alive too.
fn probe(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// The file of a Unix socket, removed on drop if it is still the same file.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            inode: inode(path)?,
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = inode(&self.path).is_ok_and(|inode| inode == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the socket");
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// An address that cannot be listened on, or a sink of telemetry that cannot be used.
#[derive(Debug)]
pub struct BindError(Box<Failure>);

#[derive(Debug)]
enum Failure {
    Listen { address: Listen, cause: Cause },
    Telemetry(SinkError),
}

#[derive(Debug)]
enum Cause {
    InUse,
    NotASocket,
    System(io::Error),
}

impl Cause {
    fn of(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::AddrInUse {
            Self::InUse
        } else {
            Self::System(error)
        }
    }
}

impl BindError {
    fn new(address: &Listen, cause: Cause) -> Self {
        Self(Box::new(Failure::Listen {
            address: address.clone(),
            cause,
        }))
    }
}

impl From<SinkError> for BindError {
    fn from(error: SinkError) -> Self {
        Self(Box::new(Failure::Telemetry(error)))
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, cause) = match &*self.0 {
            Failure::Listen { address, cause } => (address, cause),
            Failure::Telemetry(error) => return write!(f, "cannot start the sidecar: {error}"),
        };
        match cause {
            Cause::InUse => {
                write!(
                    f,
                    "{address} is in use: stop the process that listens there or configure another address"
                )
            }
            Cause::NotASocket => write!(
                f,
                "{address} is a file and not a socket: remove it or configure another path"
            ),
            Cause::System(error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Failure::Listen { cause, .. } => match cause {
                Cause::System(error) => Some(error),
                Cause::InUse | Cause::NotASocket => None,
            },
            Failure::Telemetry(error) => Some(error),
        }
    }
}

/// Connections that the kernel holds until they are accepted; it cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 1024;
