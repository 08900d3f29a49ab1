//! Proxies that answer with their names, and clients that ask in a process of their own, under an environment of their own.

use std::io::BufRead;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use sync_tests::certs::{sniff, tls};
use sync_tests::{Proxy, Reply, Server, Socks};

use super::common::name;
use super::form::{Client, ClientBuilder};
use super::{dual, form_test};

/// The name that stands for the server that is asked with no proxy between.
pub(crate) const DIRECT: &str = "direct";

/// A proxy behind which every host is a server that answers with the proxy's label.
pub(crate) struct Recorder {
    pub(crate) label: String,
    proxy: Kind,
    _origin: Server,
}

enum Kind {
    Http(Proxy),
    Socks(Socks),
}

impl Recorder {
    /// Starts one of the kind that the URL's scheme says; without a scheme it is a plain one.
    pub(crate) fn start(label: &str) -> Self {
        let name = label.to_owned();
        let origin = Server::answering(sniff(), move |_| Reply::ok(name.clone()));
        let proxy = match label.split_once("://") {
            Some(("socks5" | "socks5h", _)) => {
                Kind::Socks(Socks::builder().route_all(origin.address()).start())
            }
            Some(("https", _)) => {
                let proxy = Proxy::builder().tls(tls());
                Kind::Http(proxy.route_all(origin.address()).start())
            }
            _ => Kind::Http(Proxy::builder().route_all(origin.address()).start()),
        };
        Recorder {
            label: label.to_owned(),
            proxy,
            _origin: origin,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match &self.proxy {
            Kind::Http(proxy) => proxy.address(),
            Kind::Socks(socks) => socks.address(),
        }
    }

    /// The label with this proxy's host and port in place of its own.
    pub(crate) fn url(&self, host: &str) -> String {
        let scheme = match self.label.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://"),
            None => String::new(),
        };
        format!("{scheme}{host}:{}", self.address().port())
    }
}

/// The proxies of one case, each with a name of its own, and the server that every host is without them.
pub(crate) struct Field {
    recorders: Vec<Recorder>,
    direct: Server,
}

impl Field {
    /// Starts a proxy for each label; the same label twice is the same proxy.
    pub(crate) fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let mut recorders: Vec<Recorder> = Vec::new();
        for label in labels {
            if !recorders.iter().any(|known| known.label == label) {
                recorders.push(Recorder::start(label));
            }
        }
        Field {
            recorders,
            direct: Server::answering(sniff(), |_| Reply::ok(DIRECT)),
        }
    }

    fn host(at: usize) -> String {
        format!("proxy-{at}.test")
    }

    /// Returns the URL of the proxy that stands for a label.
    pub(crate) fn url(&self, label: &str) -> String {
        let at = self.recorders.iter().position(|r| r.label == label);
        let at = at.unwrap();
        self.recorders[at].url(&Field::host(at))
    }

    /// What names are for the client: its proxies', and the hosts of these URLs.
    pub(crate) fn names<'a>(&self, urls: impl IntoIterator<Item = &'a str>) -> Vec<[String; 2]> {
        let mut names = Vec::new();
        for (at, recorder) in self.recorders.iter().enumerate() {
            names.push([Field::host(at), recorder.address().to_string()]);
        }
        for url in urls {
            let Ok(url) = dimorph::Url::parse(url) else {
                continue;
            };
            let host = url.host_str().unwrap();
            let host = host.trim_start_matches('[').trim_end_matches([']', '.']);
            names.push([host.to_owned(), self.direct.address().to_string()]);
        }
        names
    }
}

/// Begins a client for which names are these addresses, and which takes any certificate.
pub(crate) fn builder_of(names: &[[String; 2]]) -> ClientBuilder {
    names.iter().fold(
        Client::builder().verify(false),
        |builder, [host, address]| builder.resolve(host, [address.parse::<SocketAddr>().unwrap()]),
    )
}

/// Asks, and tells who answered: a label or [`DIRECT`]; or the error.
#[dual]
pub(crate) async fn who(client: &Client, url: &str) -> Value {
    let sent = client.get(url).send().await;
    let error =
        |e: dimorph::Error| json!({ "error": name(e.kind()), "shown": format!("{e} {e:?}") });
    let response = match sent {
        Ok(response) => response,
        Err(e) => return error(e),
    };
    let text = response.text().await;
    match text {
        Ok(text) => json!(text),
        Err(e) => error(e),
    }
}

/// What a child process is to do, as JSON.
const JOB: &str = "DIMORPH_TESTS_PROXY_JOB";
/// What stands before its answer.
const MARK: &str = "the child says: ";

/// The variables that say something of proxies.
pub(crate) const VARIABLES: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// Asks for `urls` in a process of its own with these variables; returns who answered each, or why there is no client.
///
/// `client` says how it is made: by `new`, `builder`, and others that [`made`] knows.
pub(crate) fn under(
    set: &[(String, String)],
    client: &str,
    names: &[[String; 2]],
    urls: &[&str],
) -> Value {
    let job = json!({ "client": client, "names": names, "urls": urls });
    let module = module_path!().split_once("::").unwrap().1;
    let test = format!("{module}::a_child_asks_under_its_environment");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &test, "--nocapture", "--test-threads", "1"]);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.envs(set.iter().map(|(name, value)| (name, value)));
    let output = command.env(JOB, job.to_string()).output().unwrap();
    let said = output.stdout.lines().map(Result::unwrap);
    let answer = said
        .filter_map(|line| Some(line.split_once(MARK)?.1.to_owned()))
        .next();
    let answer = answer.unwrap_or_else(|| panic!("{output:?}"));
    serde_json::from_str(&answer).unwrap()
}

/// The child's part of [`under`]; without a job there is nothing to do.
#[dual]
#[form_test]
#[allow(clippy::print_stdout, reason = "the parent reads it")]
async fn a_child_asks_under_its_environment() {
    let Ok(job) = std::env::var(JOB) else { return };
    let job: Value = serde_json::from_str(&job).unwrap();
    let client = match made(&job) {
        Ok(client) => client,
        Err(e) => {
            let why = json!({ "build": name(e.kind()), "shown": format!("{e} {e:?}") });
            println!("{MARK}{why}");
            return;
        }
    };
    let mut answers = json!({});
    for url in job["urls"].as_array().unwrap() {
        let url = url.as_str().unwrap();
        let answer = who(&client, url).await;
        answers[url] = answer;
    }
    println!("{MARK}{answers}");
}

/// Makes the child's client.
fn made(job: &Value) -> dimorph::Result<Client> {
    let names: Vec<[String; 2]> = serde_json::from_value(job["names"].clone()).unwrap();
    let builder = || builder_of(&names);
    let own = || names[0][1].clone();
    match job["client"].as_str().unwrap() {
        "new" => Ok(Client::new()),
        "builder" => builder().build(),
        "trust_env(false)" => builder().trust_env(false).build(),
        "no_proxy()" => builder().no_proxy().build(),
        "unix_socket" => Client::builder().unix_socket(own()).build(),
        "proxy" => builder().proxy(format!("http://{}", own())).build(),
        "mount_direct" => builder().mount_direct("all://direct.test").build(),
        other => panic!("{other}"),
    }
}
