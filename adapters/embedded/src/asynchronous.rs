//! The driver that awaits. It is `blocking.rs` but for the waiting; a test holds that.

use crate::{Connection, Error, Step};
use embedded_io_async::{Read, Write};
use valetkey::client::{Post, Response};

impl<T: Read + Write> Connection<'_, T> {
    /// Sends the request, and receives the answer into `buf`, which has to hold either. Once; whether it may be sent again
    /// after an error is said by its duties.
    ///
    /// `expired` says whether the time is up, and is asked before each read and write. A pipe that can fall silent has to
    /// return from them nevertheless, with an error of the kind `TimedOut`, or be one that is interrupted by other means.
    /// The future may be dropped, as by a timeout of the executor: the pipe is spent then.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn send_async<'b>(
        &mut self,
        post: &Post<'_>,
        buf: &'b mut [u8],
        mut expired: impl FnMut() -> bool,
    ) -> Result<Response<'b>, Error> {
        let mut exchange = self.begin(post, buf)?;
        loop {
            match exchange.step()? {
                Step::Done => return self.end(exchange),
                _ if expired() => return Err(Error::Timeout),
                Step::Write(bytes) => {
                    let count = self.pipe.write(bytes).await.map_err(Error::pipe)?;
                    if exchange.wrote(count)? {
                        self.pipe.flush().await.map_err(Error::pipe)?;
                    }
                }
                Step::Read(room) => {
                    let count = self.pipe.read(room).await.map_err(Error::pipe)?;
                    exchange.read(count)?;
                }
            }
        }
    }
}
