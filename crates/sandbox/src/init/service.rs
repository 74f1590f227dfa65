//! The socket to the service.

use std::ffi::{c_int, c_void};
use std::mem::size_of;
use std::ptr;

use super::{EINTR, errno};

const LIMITS: usize = 3;
/// The letter and the limits, little-endian.
const GO_LENGTH: usize = 1 + LIMITS * size_of::<u64>();
const DESCRIPTORS: usize = 4;
const SOL_SOCKET: c_int = 1;
const SCM_RIGHTS: c_int = 1;
const MSG_NOSIGNAL: c_int = 0x4000;
const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;

#[repr(C)]
struct IoVector {
    base: *mut c_void,
    length: usize,
}

#[repr(C)]
struct MessageHeader {
    name: *mut c_void,
    name_length: u32,
    vectors: *mut IoVector,
    vector_count: usize,
    control: *mut c_void,
    control_length: usize,
    flags: c_int,
}

/// A control message that carries descriptors, padded as the kernel does.
#[repr(C)]
#[derive(Default)]
struct Rights {
    length: usize,
    level: c_int,
    kind: c_int,
    descriptors: [c_int; DESCRIPTORS],
}

unsafe extern "C" {
    fn recvmsg(socket: c_int, message: *mut MessageHeader, flags: c_int) -> isize;
    fn send(socket: c_int, bytes: *const c_void, length: usize, flags: c_int) -> isize;
}

/// What the service asks for.
pub(super) enum Message {
    /// Start the interpreter with these limits (CPU seconds, data, address space) and these
    /// descriptors (standard input, output, error and control).
    Go { limits: [u64; LIMITS], descriptors: [c_int; DESCRIPTORS] },
    Kill,
    StepBack,
    End,
    Unknown,
}

/// The descriptor of the socket.
#[derive(Clone, Copy)]
pub(super) struct Service(pub(super) c_int);

impl Service {
    /// Sends one message; false if nobody is there.
    pub(super) fn send(self, message: &[u8]) -> bool {
        // SAFETY: pointer and length are those of the message.
        let sent = unsafe { send(self.0, message.as_ptr().cast(), message.len(), MSG_NOSIGNAL) };
        usize::try_from(sent) == Ok(message.len())
    }

    /// Waits for one message.
    pub(super) fn receive(self) -> Message {
        let mut bytes = [0_u8; GO_LENGTH];
        let mut vector = IoVector { base: bytes.as_mut_ptr().cast(), length: bytes.len() };
        let mut rights = Rights::default();
        let mut header = MessageHeader {
            name: ptr::null_mut(),
            name_length: 0,
            vectors: &raw mut vector,
            vector_count: 1,
            control: (&raw mut rights).cast(),
            control_length: size_of::<Rights>(),
            flags: 0,
        };
        let length = loop {
            // SAFETY: the header's pointers and lengths are those of the buffers above, which outlive the call.
            let length = unsafe { recvmsg(self.0, &raw mut header, MSG_CMSG_CLOEXEC) };
            if length >= 0 || errno() != EINTR {
                break length;
            }
        };
        match (length, bytes[0]) {
            (1.., b'G') => {
                let complete = usize::try_from(length) == Ok(GO_LENGTH)
                    && header.control_length == size_of::<Rights>()
                    && (rights.level, rights.kind) == (SOL_SOCKET, SCM_RIGHTS);
                if !complete {
                    return Message::Unknown;
                }
                let mut limits = [0; LIMITS];
                for (limit, field) in limits.iter_mut().zip(bytes[1..].chunks_exact(8)) {
                    *limit = field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
                }
                Message::Go { limits, descriptors: rights.descriptors }
            }
            (1.., b'K') => Message::Kill,
            (1.., b'N') => Message::StepBack,
            (1.., b'X') | (..=0, _) => Message::End,
            _ => Message::Unknown,
        }
    }
}
