//! A guest that does with its scratch folder what its input says, in the calls that std makes on a target with files.

use serde::Deserialize;
use serde_json::{Value, json};
use stepcell_guest::{Context, Error};

use files::wasi::filesystem::preopens::get_directories;
use files::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use files::wasi::io::streams::StreamError;

mod files {
    wit_bindgen::generate!({
        inline: "
            package test:scribe;
            world files {
                import wasi:filesystem/types@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
            }
        ",
        path: [
            "../../../host/sandbox/wasi/io.wit",
            "../../../host/sandbox/wasi/clocks.wit",
            "../../../host/sandbox/wasi/filesystem.wit",
        ],
        world: "test:scribe/files",
        generate_all,
    });
}

/// One thing to do, with paths from the folder.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    /// The names of the folders it sees.
    Roots,
    Write(String, String),
    Append(String, String),
    Read(String),
    Size(String),
    /// Writes so many bytes to the end, in pieces, and says how many were taken.
    Fill(String, u64),
    /// Makes a file as long as this.
    Stretch(String, u64),
    List(String),
    Rename(String, String),
    Delete(String),
    MakeFolder(String),
    DeleteFolder(String),
    Link(String, String),
    Symlink(String, String),
    /// Makes so many files, and says how many there are then.
    Crowd(u64),
    /// Makes a folder in a folder so often, and says how often it could.
    Nest(u64),
    /// Reads a file that it deleted after it was opened.
    ReadDeleted(String),
    /// Asks for a path from a folder in the folder.
    Beyond(String, String),
    /// Fails the first attempt.
    FailOnce,
}

/// What it came to: a value, or the name of the error.
fn said(act: Act) -> Value {
    done(act).unwrap_or_else(|code| json!({ "error": code.name() }))
}

fn done(act: Act) -> Result<Value, ErrorCode> {
    let mut roots = get_directories();
    if let Act::Roots = act {
        return Ok(roots.into_iter().map(|(_, name)| Value::String(name)).collect());
    }
    let (root, _) = roots.pop().ok_or(ErrorCode::BadDescriptor)?;
    match act {
        Act::Write(path, text) => {
            let file = open(&root, &path, OpenFlags::CREATE | OpenFlags::TRUNCATE)?;
            file.write(text.as_bytes(), 0).map(|bytes| json!(bytes))
        }
        Act::Append(path, text) => {
            append(&open(&root, &path, OpenFlags::CREATE)?, text.as_bytes()).map(|()| json!(null))
        }
        Act::Read(path) => read(&open(&root, &path, OpenFlags::empty())?).map(|text| json!(text)),
        Act::Size(path) => root.stat_at(FOLLOWS, &path).map(|stat| json!(stat.size)),
        Act::Fill(path, bytes) => fill(&open(&root, &path, OpenFlags::CREATE)?, bytes),
        Act::Stretch(path, bytes) => {
            open(&root, &path, OpenFlags::CREATE)?.set_size(bytes).map(|()| json!(null))
        }
        Act::List(path) => list(&root.open_at(FOLLOWS, &path, OpenFlags::DIRECTORY, READS)?),
        Act::Rename(old, new) => root.rename_at(&old, &root, &new).map(|()| json!(null)),
        Act::Delete(path) => root.unlink_file_at(&path).map(|()| json!(null)),
        Act::MakeFolder(path) => root.create_directory_at(&path).map(|()| json!(null)),
        Act::DeleteFolder(path) => root.remove_directory_at(&path).map(|()| json!(null)),
        Act::Link(old, new) => root.link_at(FOLLOWS, &old, &root, &new).map(|()| json!(null)),
        Act::Symlink(old, new) => root.symlink_at(&old, &new).map(|()| json!(null)),
        Act::Crowd(files) => {
            let made = (0..files)
                .take_while(|n| open(&root, &format!("{n}"), OpenFlags::CREATE).is_ok())
                .count();
            Ok(json!(made))
        }
        Act::Nest(folders) => nest(root, folders),
        Act::ReadDeleted(path) => {
            let file = open(&root, &path, OpenFlags::empty())?;
            root.unlink_file_at(&path)?;
            read(&file).map(|text| json!(text))
        }
        Act::Beyond(folder, path) => {
            let folder = root.open_at(FOLLOWS, &folder, OpenFlags::DIRECTORY, READS)?;
            folder.stat_at(FOLLOWS, &path).map(|stat| json!(stat.size))
        }
        Act::Roots | Act::FailOnce => Ok(json!(null)),
    }
}

const FOLLOWS: PathFlags = PathFlags::SYMLINK_FOLLOW;
const READS: DescriptorFlags = DescriptorFlags::READ;

fn open(root: &Descriptor, path: &str, how: OpenFlags) -> Result<Descriptor, ErrorCode> {
    let writes =
        if how == OpenFlags::empty() { DescriptorFlags::empty() } else { DescriptorFlags::WRITE };
    root.open_at(FOLLOWS, path, how, READS | writes)
}

fn append(file: &Descriptor, bytes: &[u8]) -> Result<(), ErrorCode> {
    file.append_via_stream()?.blocking_write_and_flush(bytes).map_err(code)
}

fn read(file: &Descriptor) -> Result<String, ErrorCode> {
    let (stream, mut bytes) = (file.read_via_stream(0)?, Vec::new());
    loop {
        match stream.blocking_read(4_096) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(code(error)),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a stream failed with.
fn code(error: StreamError) -> ErrorCode {
    match error {
        StreamError::LastOperationFailed(error) => {
            filesystem_error_code(&error).unwrap_or(ErrorCode::Io)
        }
        StreamError::Closed => ErrorCode::Pipe,
    }
}

fn fill(file: &Descriptor, bytes: u64) -> Result<Value, ErrorCode> {
    let (stream, piece) = (file.append_via_stream()?, [7; 4_096]);
    let mut left = bytes;
    let mut refused = None;
    while left > 0 && refused.is_none() {
        let piece = &piece[..left.min(4_096) as usize];
        match stream.blocking_write_and_flush(piece) {
            Ok(()) => left -= piece.len() as u64,
            Err(error) => refused = Some(code(error)),
        }
    }
    Ok(json!([bytes - left, refused.map(|code| code.name())]))
}

fn list(folder: &Descriptor) -> Result<Value, ErrorCode> {
    let (stream, mut names) = (folder.read_directory()?, Vec::new());
    while let Some(entry) = stream.read_directory_entry()? {
        names.push(entry.name);
    }
    Ok(json!(names))
}

fn nest(mut folder: Descriptor, folders: u64) -> Result<Value, ErrorCode> {
    let flags = READS | DescriptorFlags::MUTATE_DIRECTORY;
    for made in 0..folders {
        if folder.create_directory_at("d").is_err() {
            return Ok(json!(made));
        }
        folder = folder.open_at(FOLLOWS, "d", OpenFlags::DIRECTORY, flags)?;
    }
    Ok(json!(folders))
}

fn write_down(context: Context, acts: Vec<Act>) -> Result<Vec<Value>, Error> {
    let fails = acts.iter().any(|act| matches!(act, Act::FailOnce)) && context.attempt() == 1;
    let said = acts.into_iter().map(said).collect();
    if fails { Err(Error::execution("it was asked to")) } else { Ok(said) }
}

stepcell_guest::handlers! { "write_down" => write_down }
