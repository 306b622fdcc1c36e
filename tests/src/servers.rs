//! Real servers in the backends.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Namespace, port,
    process::{Process, output},
    tcp,
    wait::wait_for,
};

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(10);

/// An nginx. `/` tells the backend's name and the client that it sees; `/files/` serves
/// [`Web::files`].
#[derive(Debug)]
pub struct Web {
    process: Process,
    files: PathBuf,
}

impl Web {
    /// Serves on [`port::WEB_SERVER`] and [`port::OTHER_WEB_SERVER`] in a namespace, with its files below `home`.
    pub(crate) fn serve(namespace: &Namespace, name: &str, home: &Path) -> Self {
        let prefix = home.join(format!("{name}-nginx"));
        let files = prefix.join("files");
        fs::create_dir_all(&files).expect("a directory to serve");
        let config = prefix.join("nginx.conf");
        fs::write(&config, configuration(name)).expect("nginx's configuration");

        let mut nginx = namespace.command("nginx");
        nginx.arg("-p").arg(&prefix).arg("-c").arg(&config).args(["-e", "stderr"]);
        let mut process = Process::spawn(&mut nginx, &home.join(format!("{name}-nginx.log")));
        wait_for_listener(namespace, port::WEB_SERVER, &mut process);
        Self { process, files }
    }

    /// The directory behind `/files/`.
    #[must_use]
    pub fn files(&self) -> &Path {
        &self.files
    }

    /// What nginx has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// A redis server without persistence.
#[derive(Debug)]
pub struct Redis {
    _process: Process,
}

impl Redis {
    /// Serves on [`port::REDIS`] in a namespace.
    pub(crate) fn serve(namespace: &Namespace, home: &Path) -> Self {
        let mut redis = namespace.command("redis-server");
        redis.args(["--port", &port::REDIS.to_string(), "--bind", "0.0.0.0"]);
        redis.args(["--protected-mode", "no", "--save", "", "--appendonly", "no"]);
        redis.arg("--dir").arg(home);
        let mut process = Process::spawn(&mut redis, &home.join("redis.log"));
        wait_for_listener(namespace, port::REDIS, &mut process);
        Self { _process: process }
    }
}

/// A name server that knows two names: `who.test`, the address of the backend it runs in, and
/// `big.test`, a text of [`Names::BIG`] bytes.
#[derive(Debug)]
pub struct Names {
    _process: Process,
}

impl Names {
    /// The length of the long text: more than two Ethernet frames hold.
    pub const BIG: usize = 3200;

    /// Serves UDP and TCP on [`port::NAMES_SERVER`] in a namespace.
    pub(crate) fn serve(namespace: &Namespace, home: &Path) -> Self {
        let mut dnsmasq = namespace.command("dnsmasq");
        dnsmasq.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]);
        dnsmasq.args(["--pid-file=", "--log-facility=-", "--address=/who.test/10.0.0.5", "--edns-packet-max=4096"]);
        // A text is in strings of at most 255 bytes.
        dnsmasq.arg(format!("--txt-record=big.test{}", format!(",{}", "x".repeat(200)).repeat(Self::BIG / 200)));
        dnsmasq.arg(format!("--port={}", port::NAMES_SERVER));
        let mut process = Process::spawn(&mut dnsmasq, &home.join("dnsmasq.log"));
        wait_for_listener(namespace, port::NAMES_SERVER, &mut process);
        Self { _process: process }
    }
}

/// An iperf3 server, on [`port::IPERF`] for both its control connection and its datagrams.
#[derive(Debug)]
pub struct Iperf {
    _process: Process,
}

impl Iperf {
    /// Serves in a namespace.
    pub(crate) fn serve(namespace: &Namespace, home: &Path) -> Self {
        let log = home.join("iperf3.log");
        let mut iperf3 = namespace.command("iperf3");
        let mut process = Process::spawn(iperf3.args(["--server", "--forceflush"]), &log);
        // It serves one at a time: a connection to try it would be the one.
        wait_for("an iperf3 server", START, || {
            let ended = process.ended();
            assert!(ended.is_none(), "the server ended:\n{}", process.log());
            if process.log().contains("Server listening") { Ok(()) } else { Err("not yet") }
        });
        Self { _process: process }
    }
}

/// The SHA-256 of a file, in hex.
#[must_use]
pub fn sha256(file: &Path) -> String {
    let printed = output(std::process::Command::new("sha256sum").arg(file));
    printed.split_whitespace().next().expect("a digest").to_owned()
}

fn wait_for_listener(namespace: &Namespace, port: u16, process: &mut Process) {
    let to = std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    wait_for(&format!("a server on port {port}"), START, || {
        let ended = process.ended();
        assert!(ended.is_none(), "the server ended:\n{}", process.log());
        namespace.run(|| tcp::dial(to, tcp::PATIENCE))
    });
}

/// One process, no daemon, and nothing of the system's own nginx touched.
fn configuration(name: &str) -> String {
    let (port, other) = (port::WEB_SERVER, port::OTHER_WEB_SERVER);
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {port};
        listen {other};
        default_type text/plain;
        location = / {{ return 200 "{name} saw $remote_addr:$remote_port\n"; }}
        location /files/ {{ sendfile on; }}
        root .;
    }}
}}
"#
    )
}
