//! One try: a request to an address that was vetted, and what came of it.

use std::{io::Read as _, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use ureq::{
    Agent, Body, Timeout,
    config::Config,
    http::{Request, Response, Uri},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{Connector as _, NextTimeout, RustlsConnector, TcpConnector},
    },
};
use uuid::Uuid;

use super::{
    address::{self, Allowed, Refused},
    signature,
};
use crate::{aqua::callout::Message, config, job::Outcome};

/// As much of an answer's body as is kept, in bytes; the original keeps as much.
const KEPT: u64 = 60_000;

/// What sends. It blocks.
#[derive(Clone)]
pub struct Sender {
    agent: Agent,
    allow: Vec<Allowed>,
}

impl Sender {
    pub fn new(settings: &config::Callout) -> Sender {
        Sender::resolving(settings, DefaultResolver::default())
    }

    fn resolving(settings: &config::Callout, names: impl Resolver) -> Sender {
        let seconds = |seconds: u32| Some(Duration::from_secs(u64::from(seconds)));
        let config = Agent::config_builder()
            .user_agent(concat!("aquifer/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            // A proxy would resolve the name once more, out of our sight.
            .proxy(None)
            // A connection that is kept was vetted for another try.
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .timeout_resolve(seconds(settings.connect_seconds))
            .timeout_connect(seconds(settings.connect_seconds))
            .timeout_global(seconds(settings.timeout_seconds))
            .build();
        let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
        let resolver = Vetting { names, allow: settings.allow.clone() };
        Sender { agent: Agent::with_parts(config, connector, resolver), allow: settings.allow.clone() }
    }

    pub fn send(&self, message: &Message, now: Timestamp) -> Outcome {
        if let Some(why) = address::obstacle(&message.url, &self.allow) {
            return Outcome::Refused(why);
        }
        let request = match request(message, now) {
            Ok(request) => request,
            Err(why) => return Outcome::Refused(why),
        };
        let answer = match &message.body {
            Some(body) => self.agent.run(request.map(|()| body.as_str())),
            None => self.agent.run(request),
        };
        match answer {
            Ok(answer) => answered(answer),
            Err(error) => unanswered(error),
        }
    }

    /// Breaks off whatever is being sent.
    pub fn break_off(&self) {
        self.agent.clone().shutdown();
    }
}

fn request(message: &Message, now: Timestamp) -> Result<Request<()>, String> {
    let url = address::target(&message.url)?;
    let mut request = Request::builder()
        .method(message.method)
        .uri(url)
        // The original's, a number for each try.
        .header("Zuora-Request-Id", Uuid::new_v4().to_string());
    if message.body.is_some() {
        request = request.header("Content-Type", "application/json");
    }
    if let Some((user, password)) = &message.basic {
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        request = request.header("Authorization", format!("Basic {credentials}"));
    }
    if !message.secrets.is_empty() {
        let body = message.body.as_deref().unwrap_or_default();
        request = request
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", now.as_second())
            .header("webhook-signature", signature::sign(&message.secrets, &message.id, now, body));
    }
    request.body(()).map_err(|error| error.to_string())
}

fn answered(mut answer: Response<Body>) -> Outcome {
    let mut body = Vec::new();
    // The status says all; a body that breaks off is kept as far as it came.
    let _ = answer.body_mut().as_reader().take(KEPT).read_to_end(&mut body);
    Outcome::Answered { status: answer.status().as_u16(), body: String::from_utf8_lossy(&body).into_owned() }
}

fn unanswered(error: ureq::Error) -> Outcome {
    match error {
        // The name may lead elsewhere next time. And names of the operator's network must not be known by this from those
        // that there are not.
        ureq::Error::Other(why) if why.is::<Refused>() => Outcome::Unanswered(why.to_string()),
        error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_)) => Outcome::Refused(error.to_string()),
        ureq::Error::HostNotFound => Outcome::Unanswered("there is no such host".to_owned()),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            Outcome::Unanswered("no connection in time".to_owned())
        }
        ureq::Error::Timeout(_) => Outcome::Unanswered("no answer in time".to_owned()),
        ureq::Error::Io(error) => Outcome::Unanswered(error.to_string()),
        error => Outcome::Unanswered(error.to_string()),
    }
}

/// Lets through the addresses that may be called, and none but these is connected to.
#[derive(Debug)]
struct Vetting<R> {
    names: R,
    allow: Vec<Allowed>,
}

impl<R: Resolver> Resolver for Vetting<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let vetted = address::vet(uri.host().unwrap_or_default(), &found, &self.allow)
            .map_err(|refused| ureq::Error::Other(Box::new(refused)))?;
        let mut addresses = self.empty();
        vetted.into_iter().for_each(|address| addresses.push(address));
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::{SocketAddr, TcpListener, TcpStream},
        sync::{Arc, Mutex},
    };

    use super::*;

    /// Answers each connection with the next of these, and keeps the first line of each request.
    fn receiver(answers: &[&str]) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, seen): (Vec<String>, _) = (answers.iter().map(|text| text.to_string()).collect(), Arc::default());
        let kept: Arc<Mutex<Vec<String>>> = seen;
        let lines = kept.clone();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
                lines.lock().unwrap().push(head.next().unwrap());
                assert!(head.any(|line| line.is_empty()));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (address, kept)
    }

    fn message(url: String) -> Message {
        Message { id: "msg_1".into(), method: "GET", url, body: None, basic: None, secrets: Vec::new() }
    }

    fn settings(allow: &[&str]) -> config::Callout {
        let allow = allow.iter().map(|text| Allowed::try_from(text.to_string()).unwrap()).collect();
        config::Callout { allow, ..config::Callout::default() }
    }

    /// The shortest times that there are.
    fn impatient() -> config::Callout {
        config::Callout { connect_seconds: 1, timeout_seconds: 1, ..settings(&["127.0.0.1"]) }
    }

    /// Takes every connection, says this on it, and then nothing more.
    fn falls_silent(said: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.write_all(said.as_bytes()).unwrap();
                open.push(stream);
            }
        });
        address
    }

    /// A name server that says something else each time it is asked.
    #[derive(Debug)]
    struct Rebinding(Mutex<Vec<SocketAddr>>);

    impl Resolver for Rebinding {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut addresses = self.empty();
            addresses.push(self.0.lock().unwrap().remove(0));
            Ok(addresses)
        }
    }

    #[test]
    fn a_name_is_resolved_once_and_what_was_vetted_is_called() {
        let (address, seen) = receiver(&["HTTP/1.1 204 No Content\r\n\r\n"]);
        let elsewhere = SocketAddr::new("127.0.0.2".parse().unwrap(), address.port());
        let names = Rebinding(Mutex::new(vec![address, elsewhere]));
        let sender = Sender::resolving(&settings(&["127.0.0.1"]), names);
        let message = message(format!("http://hooks.example:{}/a", address.port()));
        let send = || sender.send(&message, Timestamp::UNIX_EPOCH);
        assert_eq!(send(), Outcome::Answered { status: 204, body: String::new() });
        let refused = "127.0.0.2 is not a public address (loopback); `callout.allow` can list it";
        assert_eq!(send(), Outcome::Unanswered(refused.to_owned()));
        assert_eq!(*seen.lock().unwrap(), ["GET /a HTTP/1.1"]);
    }

    #[test]
    fn a_redirect_is_an_answer_and_a_long_body_is_cut() {
        let long = "x".repeat(70_000);
        let (address, seen) = receiver(&[
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
            &format!("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{long}"),
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbroken off",
            "not HTTP at all",
        ]);
        let sender = Sender::new(&settings(&["127.0.0.0/8"]));
        let message = message(format!("http://{address}/"));
        let send = || sender.send(&message, Timestamp::UNIX_EPOCH);
        assert_eq!(send(), Outcome::Answered { status: 302, body: String::new() });
        let Outcome::Answered { status: 200, body } = send() else { panic!() };
        assert_eq!(body.len(), 60_000);
        assert_eq!(send(), Outcome::Answered { status: 200, body: "broken off".into() });
        assert!(matches!(send(), Outcome::Unanswered(_)));
        assert_eq!(*seen.lock().unwrap(), ["GET / HTTP/1.1"; 4]);
    }

    #[test]
    fn who_does_not_answer_in_time_has_not_answered() {
        let send = |said| {
            let message = message(format!("http://{}/", falls_silent(said)));
            Sender::new(&impatient()).send(&message, Timestamp::UNIX_EPOCH)
        };
        let nothing = Outcome::Unanswered("no answer in time".into());
        assert_eq!(send(""), nothing);
        assert_eq!(send("HTTP/1.1 200 OK\r\nContent-Le"), nothing);
        // The time is that of the whole answer, but what counts of it has come.
        let half = Outcome::Answered { status: 200, body: "half".into() };
        assert_eq!(send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), half);
    }

    /// Elsewhere a full queue refuses connections.
    #[cfg(target_os = "linux")]
    #[test]
    fn who_takes_no_connection_in_time_has_not_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wait = Duration::from_millis(200);
        let queue: Vec<TcpStream> = std::iter::from_fn(|| TcpStream::connect_timeout(&address, wait).ok()).collect();
        let settings = config::Callout { timeout_seconds: 60, ..impatient() };
        let outcome = Sender::new(&settings).send(&message(format!("http://{address}/")), Timestamp::UNIX_EPOCH);
        assert_eq!(outcome, Outcome::Unanswered("no connection in time".into()), "behind {}", queue.len());
    }

    #[test]
    fn names_of_this_machine_and_numbers_for_it_are_refused() {
        let sender = Sender::new(&settings(&[]));
        for url in
            ["http://localhost:1/", "http://127.1:1/", "http://2130706433:1/", "http://0x7f.1:1/", "http://[::1]:1/"]
        {
            let outcome = sender.send(&message(url.to_owned()), Timestamp::UNIX_EPOCH);
            assert!(outcome.error().is_some_and(|why| why.contains("loopback")), "{url}: {outcome:?}");
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let outcome =
            Sender::new(&settings(&["127.0.0.1"])).send(&message(format!("http://{closed}/")), Timestamp::UNIX_EPOCH);
        assert!(outcome.is_retryable(), "{outcome:?}");
    }
}
