//! What a collector was sent, and whether it is as it should be.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ruzstd::decoding::StreamingDecoder;
use serde_json::Value;
use sha2::Sha256;

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) request_line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: SystemTime,
}

impl Post {
    /// Reads the head of a request; none when the connection ended.
    pub(crate) fn read_head(stream: &mut BufReader<impl Read>) -> io::Result<Option<Self>> {
        let mut request_line = String::new();
        if stream.read_line(&mut request_line)? == 0 {
            return Ok(None);
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        Ok(Some(Self {
            request_line: request_line.trim_end().to_owned(),
            headers,
            body: Vec::new(),
            at: SystemTime::now(),
        }))
    }

    pub(crate) fn read_body(&mut self, stream: &mut impl Read) -> io::Result<()> {
        self.body = vec![0; self.header("content-length").parse().unwrap()];
        stream.read_exact(&mut self.body)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The batch in the body.
    pub(crate) fn batch(&self) -> Value {
        let mut json = Vec::new();
        match self.header("content-encoding") {
            "" => json.clone_from(&self.body),
            "gzip" => drop(
                GzDecoder::new(&self.body[..])
                    .read_to_end(&mut json)
                    .unwrap(),
            ),
            "zstd" => {
                let mut decoder = StreamingDecoder::new(&self.body[..]).unwrap();
                decoder.read_to_end(&mut json).unwrap();
            }
            other => panic!("content-encoding {other}"),
        }
        serde_json::from_slice(&json).unwrap()
    }

    pub(crate) fn batch_id(&self) -> String {
        self.batch()["batch_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn evaluation_ids(&self) -> Vec<String> {
        let batch = self.batch();
        let events = batch["events"].as_array().unwrap();
        let id = |event: &Value| event["evaluation_id"].as_str().unwrap().to_owned();
        events.iter().map(id).collect()
    }

    /// What a collector checks before it looks at the body.
    pub(crate) fn check(&self, api_key: &str) {
        assert!(self.request_line.starts_with("POST /"), "{self:?}");
        assert!(
            self.request_line.ends_with("/v1/ingest HTTP/1.1"),
            "{self:?}"
        );
        assert_eq!(self.header("authorization"), format!("Bearer {api_key}"));
        assert_eq!(self.header("content-type"), "application/json");
    }

    /// Both signatures, as the spec writes them down.
    pub(crate) fn check_signatures(&self, secret: &str) {
        let hex: String = mac(secret, &[&self.body])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(self.header("x-pecta-signature"), format!("sha256={hex}"));
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        assert_eq!(id, self.batch_id());
        let seconds: u64 = timestamp.parse().unwrap();
        let now = self.at.duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((now - 2..=now).contains(&seconds), "{seconds} is not {now}");
        let signed = mac(
            secret,
            &[id.as_bytes(), b".", timestamp.as_bytes(), b".", &self.body],
        );
        let expected = format!("v1,{}", STANDARD.encode(signed));
        assert_eq!(self.header("webhook-signature"), expected);
    }
}

fn mac(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
