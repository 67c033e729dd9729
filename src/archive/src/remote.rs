//! An S3 store, or what speaks like one, for code that waits.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path as FilePath;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, WriteMultipart};
use tokio::runtime::Runtime;
use url::Url;

use crate::error::ArchiveError;

/// Objects longer than this are sent in parts.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at once.
const PARTS: usize = 4;

/// A folder of a store.
#[derive(Debug)]
pub(crate) struct Remote {
    runtime: Runtime,
    store: Box<dyn ObjectStore>,
    folder: Path,
    shown: String,
}

impl Remote {
    /// Opens `s3://bucket/folder`; keys, region and endpoint come from the environment (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`).
    pub fn open(address: &str) -> Result<Self, ArchiveError> {
        let wrong = |message: String| ArchiveError::Address { address: address.to_owned(), message };
        let url = Url::parse(address).map_err(|e| wrong(e.to_string()))?;
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        let (store, folder) =
            object_store::parse_url_opts(&url, environment.map(|(name, value)| (name.to_lowercase(), value)))
                .map_err(|e| wrong(e.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        // Without what may follow it: queries of signed addresses are secrets.
        let shown = format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
        Ok(Self { runtime, store, folder, shown })
    }

    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn key(&self, name: &str) -> Path {
        name.split('/')
            .filter(|part| !part.is_empty())
            .fold(self.folder.clone(), |path, part| path.join(part))
    }

    fn fail(&self, what: &str, verb: &'static str) -> impl FnOnce(object_store::Error) -> ArchiveError {
        let (place, what) = (self.shown.clone(), what.to_owned());
        move |error| ArchiveError::Access { place, what, verb, message: one_line(&error) }
    }

    /// An object's content; `None` where there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let found = self.runtime.block_on(async { self.store.get(&self.key(name)).await?.bytes().await });
        match found {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.fail(name, "read")(error)),
        }
    }

    /// Writes an object where none is; returns whether none was.
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, ArchiveError> {
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from(bytes.to_vec());
        match self.runtime.block_on(self.store.put_opts(&self.key(name), payload, options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(error) => Err(self.fail(name, "written")(error)),
        }
    }

    /// Removes an object.
    pub fn remove(&self, name: &str) -> Result<(), ArchiveError> {
        self.runtime.block_on(self.store.delete(&self.key(name))).map_err(self.fail(name, "removed"))
    }

    /// Sends a file.
    pub fn send(&self, from: &FilePath, name: &str) -> Result<(), ArchiveError> {
        let local = |error: std::io::Error| ArchiveError::Access {
            place: self.shown.clone(),
            what: name.to_owned(),
            verb: "sent",
            message: error.to_string(),
        };
        let mut file = File::open(from).map_err(local)?;
        let length = file.metadata().map_err(local)?.len();
        let key = self.key(name);
        if length <= PART_BYTES as u64 {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(local)?;
            let sent = self.runtime.block_on(self.store.put(&key, bytes.into()));
            return sent.map(|_| ()).map_err(self.fail(name, "written"));
        }
        let sent = self.runtime.block_on(async {
            let upload = self.store.put_multipart(&key).await?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            let mut buffer = vec![0; PART_BYTES];
            loop {
                match file.read(&mut buffer) {
                    Ok(0) => return parts.finish().await.map(|_| ()),
                    Ok(read) => parts.write(buffer.get(..read).unwrap_or_default()),
                    Err(source) => {
                        // What was sent of it is of no use, and its end would say that it is whole.
                        let _ = parts.abort().await;
                        return Err(object_store::Error::Generic {
                            store: "local",
                            source: Box::new(source),
                        });
                    }
                }
                parts.wait_for_capacity(PARTS).await?;
            }
        });
        sent.map_err(self.fail(name, "written"))
    }

    /// Fetches an object into a file; returns whether there is one.
    pub fn fetch(&self, name: &str, to: &FilePath) -> Result<bool, ArchiveError> {
        let local = |error: std::io::Error| ArchiveError::Access {
            place: self.shown.clone(),
            what: name.to_owned(),
            verb: "fetched",
            message: error.to_string(),
        };
        let found = match self.runtime.block_on(self.store.get(&self.key(name))) {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(self.fail(name, "read")(error)),
        };
        let mut file = File::create(to).map_err(local)?;
        let mut stream = found.into_stream();
        while let Some(part) = self.runtime.block_on(stream.next()) {
            file.write_all(&part.map_err(self.fail(name, "read"))?).map_err(local)?;
        }
        Ok(true)
    }

    /// The names of the objects directly in a folder.
    pub fn objects(&self, folder: &str) -> Result<Vec<String>, ArchiveError> {
        let found = self.runtime.block_on(self.store.list_with_delimiter(Some(&self.key(folder))));
        let found = found.map_err(self.fail(folder, "listed"))?;
        Ok(found.objects.iter().filter_map(|o| o.location.filename().map(str::to_owned)).collect())
    }

    /// The names of the folders that hold an object of this name.
    pub fn folders_with(&self, name: &str) -> Result<Vec<String>, ArchiveError> {
        let listed = self.store.list(Some(&self.folder)).try_collect::<Vec<_>>();
        let found = self.runtime.block_on(listed).map_err(self.fail("", "listed"))?;
        let mut folders: Vec<String> = found
            .iter()
            .filter_map(|object| {
                let mut parts = object.location.prefix_match(&self.folder)?;
                let (folder, file) = (parts.next()?, parts.next()?);
                (file.as_ref() == name && parts.next().is_none()).then(|| folder.as_ref().to_owned())
            })
            .collect();
        folders.sort();
        Ok(folders)
    }
}

/// The innermost reason, for what wraps it repeats it.
fn one_line(error: &object_store::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
