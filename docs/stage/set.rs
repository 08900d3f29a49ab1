//! What is set up for one snippet.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::{env, fs, process};

use sync_tests::authority::Authority;
use sync_tests::digest_server::Challenge;
use sync_tests::server::Tls;
use sync_tests::{DigestServer, H2Peer, Proxy, Server, Socks};

use crate::bin;

/// The names that the certificate is for.
const NAMES: [&str; 12] = [
    "localhost",
    "127.0.0.1",
    "example.com",
    "*.example.com",
    "example.org",
    "*.example.org",
    "httpbin.org",
    "netrcexample.org",
    "api.example",
    "shop.example",
    "upload.example",
    "proxy.example",
];

/// The servers of one snippet, and its folder.
pub(crate) struct Set {
    pub(crate) folder: PathBuf,
    certificates: PathBuf,
    server: Server,
    proxies: Arc<OnceLock<[Proxy; 2]>>,
    socks: Socks,
    http2: H2Peer,
    _digest: DigestServer,
}

impl Set {
    pub(crate) fn build() -> Self {
        let authority = Authority::new("the book's authority");
        let leaf = authority.leaf(&NAMES);
        let tls = Tls::Sniff(leaf.server());

        let proxies = Arc::<OnceLock<[Proxy; 2]>>::default();
        let server = Server::answering(tls.clone(), {
            let proxies = Arc::clone(&proxies);
            let busy = AtomicBool::default();
            move |request| {
                let proxies = proxies.get().map_or(&[][..], |proxies| proxies);
                bin::answer(request, proxies, &busy)
            }
        });
        let digest = DigestServer::builder("user", "pass")
            .tls(tls.clone())
            .challenge(Challenge::new("SHA-256"))
            .challenge(Challenge::new("MD5"))
            .start();
        let mut speaking = leaf.server();
        Arc::make_mut(&mut speaking).alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let http2 = H2Peer::over(Tls::Sniff(speaking), bin::serve_http2);
        let proxy = || {
            Proxy::builder()
                .tls(tls.clone())
                .route("digest.example.com", digest.address())
                .route("http2.example.com", http2.address())
                .route_all(server.address())
        };
        let both = [
            proxy().start(),
            proxy().credentials("username", "password").start(),
        ];
        assert!(proxies.set(both).is_ok());

        let folder = env::temp_dir().join(format!("dimorph-book-{}", process::id()));
        let identity = format!("{}{}", leaf.pem, leaf.key_pem);
        for (name, text) in [
            ("authorities.pem", &authority.pem),
            ("client.pem", &authority.pem),
            ("path/to/client.pem", &authority.pem),
            ("identity.pem", &identity),
            ("cert.pem", &leaf.pem),
            ("key.pem", &leaf.key_pem),
            ("report.xls", &"cells".to_owned()),
            ("report.pdf", &"pages".to_owned()),
            (".netrc", &NETRC.to_owned()),
            (
                "my_default_folder/.my_netrc",
                &NETRC.replace("example-", "other-"),
            ),
        ] {
            write(&folder.join(name), text);
        }
        let socks = Socks::builder().route_all(server.address()).start();
        Set {
            folder,
            certificates: authority.file.parent().unwrap().to_owned(),
            server,
            proxies,
            socks,
            http2,
            _digest: digest,
        }
    }

    fn proxies(&self) -> &[Proxy; 2] {
        self.proxies.get().unwrap()
    }

    /// As `Stage::of` reads it.
    pub(crate) fn addresses(&self) -> String {
        let [open, guarded] = self.proxies();
        format!(
            "{} {} {} {} {}",
            self.server.address(),
            open.address(),
            guarded.address(),
            self.socks.address(),
            self.http2.address()
        )
    }

    /// Leaves nothing behind.
    pub(crate) fn clear(&self) {
        for folder in [&self.folder, &self.certificates] {
            let _ = fs::remove_dir_all(folder);
        }
    }

    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let proxy = format!("http://{}", self.proxies()[0].address());
        let folder = self.folder.display().to_string();
        vec![
            ("HTTP_PROXY", proxy.clone()),
            ("http_proxy", proxy.clone()),
            ("HTTPS_PROXY", proxy.clone()),
            ("https_proxy", proxy),
            ("SSL_CERT_FILE", format!("{folder}/authorities.pem")),
            ("NETRC", String::new()),
            ("HOME", folder),
        ]
    }
}

const NETRC: &str = "machine netrcexample.org\nlogin example-username\npassword example-password\n";

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
