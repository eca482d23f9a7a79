//! A TLS port on this machine in the place of the original's hosts, with a certificate made for the run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

/// A wildcard stands for one label.
const HOSTS: [&str; 4] = ["zuora.com", "*.zuora.com", "*.na.zuora.com", "*.eu.zuora.com"];

pub struct Loopback {
    pub port: u16,
    /// The only one that clients shall trust, as PEM.
    pub certificate: PathBuf,
    forwarding: JoinHandle<()>,
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.forwarding.abort();
    }
}

impl Loopback {
    /// Forwards what comes to the server at `url`; the certificate lies in `folder`.
    pub async fn before(url: &str, folder: &Path) -> Loopback {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(HOSTS.map(str::to_owned)).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let path = folder.join("certificate.pem");
        std::fs::write(&path, certificate.pem()).unwrap();

        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = url.strip_prefix("http://").unwrap().to_owned();
        let forwarding = tokio::spawn(forward_all(listener, TlsAcceptor::from(Arc::new(config)), target));
        Loopback { port, certificate: path, forwarding }
    }
}

async fn forward_all(listener: TcpListener, acceptor: TlsAcceptor, target: String) {
    loop {
        let (plain, _) = listener.accept().await.unwrap();
        let (acceptor, target) = (acceptor.clone(), target.clone());
        tokio::spawn(async move {
            let mut client = acceptor.accept(plain).await?;
            let mut server = TcpStream::connect(target).await?;
            // An error means that one of the two has hung up.
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}
