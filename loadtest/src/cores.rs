//! Which cores the servers run on, and which the generator.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::error::Error;

/// A core for each thread of the server and the others for the generator, so that neither is moved or preempted by the
/// other. Only one server is busy at a time: all share their cores.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    server: CpuSet,
    generator: CpuSet,
}

impl Cores {
    /// None when that would leave no core to the generator.
    pub(crate) fn split(server_threads: usize) -> Result<Option<Self>, Error> {
        let allowed = sched_getaffinity(THIS_THREAD).map_err(Error::errno("read the affinity"))?;
        let cores: Vec<usize> = (0..CpuSet::count())
            .filter(|&core| allowed.is_set(core).unwrap_or(false))
            .collect();
        let Some(generator_cores) = cores.len().checked_sub(server_threads).filter(|&n| n > 0)
        else {
            return Ok(None);
        };
        let (generator, server) = cores.split_at(generator_cores);
        Ok(Some(Self {
            server: set_of(server)?,
            generator: set_of(generator)?,
        }))
    }

    /// Moves this thread, and the processes that it starts, to the cores of the server.
    pub(crate) fn enter_server(&self) -> Result<(), Error> {
        pin(&self.server)
    }

    /// Moves this thread, and the threads that it starts, to the cores of the generator.
    pub(crate) fn enter_generator(&self) -> Result<(), Error> {
        pin(&self.generator)
    }
}

fn set_of(cores: &[usize]) -> Result<CpuSet, Error> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core).map_err(Error::errno("name a core"))?;
    }
    Ok(set)
}

fn pin(cores: &CpuSet) -> Result<(), Error> {
    sched_setaffinity(THIS_THREAD, cores).map_err(Error::errno("pin a thread"))
}

const THIS_THREAD: Pid = Pid::from_raw(0);
