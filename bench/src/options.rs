//! The command line of the table.

use crate::Done;
use crate::peers;
use crate::workload::Workload;

pub(crate) const HELP: &str = "\
usage: bench [--quick] [--only W1,W3] [--peers floor,ureq] [--size BYTES] [--rounds N] [--cpu N] [--markdown] [--no-tools]
       bench child PEER WORKLOAD N [--size BYTES]     one peer alone, for a profiler; starts its own server

  --quick      small sizes and few rounds: shows that all of it runs, measures little; fails where dimorph's HTTP/2 or its
               applications in process are behind by far; a long run fails where they are behind by more than noise
  --only       rows by the start of their names: W1 is W1 and W1-tls, W7 the HTTP/2 streams and W7b its threads; app is the application in process
  --peers      columns by name; the floor is always there
  --size       bytes of the large bodies (default 1 GiB; --quick 64 MiB)
  --rounds     rounds of the small workloads (default 11; large bodies take half of them)
  --cpu        the CPU that everything is pinned to (default: the last one allowed)
  --markdown   print the tables as they stand in the documentation
  --no-tools   skip strace, valgrind and the counting allocator";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) markdown: bool,
    pub(crate) tools: bool,
    pub(crate) only: Vec<String>,
    pub(crate) peers: Vec<String>,
    pub(crate) size: u64,
    pub(crate) rounds: usize,
    pub(crate) cpu: Option<usize>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Done<Self> {
        let mut options = Self {
            quick: false,
            markdown: false,
            tools: true,
            only: Vec::new(),
            peers: Vec::new(),
            size: 0,
            rounds: 0,
            cpu: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--markdown" => options.markdown = true,
                "--no-tools" => options.tools = false,
                "--only" => options.only = list(value()?),
                "--peers" => options.peers = list(value()?),
                "--size" => options.size = value()?.parse()?,
                "--rounds" => options.rounds = value()?.parse()?,
                "--cpu" => options.cpu = Some(value()?.parse()?),
                _ => return Err(format!("unknown option {argument}\n{HELP}").into()),
            }
        }
        if options.size == 0 {
            options.size = if options.quick { 64 << 20 } else { 1 << 30 };
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 3 } else { 11 };
        }
        if let Some(unknown) = options
            .peers
            .iter()
            .find(|name| !peers::NAMES.contains(&name.as_str()))
        {
            return Err(format!("no peer {unknown}; there are {}", peers::NAMES.join(", ")).into());
        }
        Ok(options)
    }

    /// The workloads asked for, in the order of the table.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        Workload::ALL
            .into_iter()
            .filter(|workload| self.wants(workload.name()))
            .collect()
    }

    /// Whether a row of that name was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let chosen = |start: &String| {
            let rest = name.strip_prefix(start.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.only.is_empty() || self.only.iter().any(chosen)
    }

    /// The peers asked for, the floor first.
    pub(crate) fn peers(&self) -> Vec<&'static str> {
        let chosen = |name: &str| {
            name == peers::FLOOR
                || self.peers.is_empty()
                || self.peers.iter().any(|peer| peer == name)
        };
        peers::NAMES
            .iter()
            .copied()
            .filter(|name| chosen(name))
            .collect()
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}
