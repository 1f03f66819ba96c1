"""Live events: what actors publish, sent on to clients as server-sent events.

*Problem.* Hundreds of clients want different parts of one stream, each from another place on, and none may lose an event, get one
twice, or hurt the others by being slow.

*Idea.* `tail` reads what is new once for the whole edge and gives each event to those who want it (`interests`). A client joins the
tail first, at its position then, and reads what it missed up to there by bounded reads of its own (`session`); what is new in the
meantime waits in its bounded buffer (`subscriber`). So there is no gap and no overlap between the two. When the buffer is full it is
thrown away, and the client, now behind, goes back to bounded reads: it takes part at its own pace, and costs nobody else
anything. Who stays behind for too long, or takes nothing at all, is dropped and told where to go on.

*Position.* The id of each event is its sequence in the stream; it means the same at every edge. A heartbeat carries the id up to which all
that was wanted has been sent, so that a client that rarely gets an event does not resume from where the stream was days ago.

*Failures.* Without NATS the streams stay open, with heartbeats that say so, and go on by themselves. What was trimmed from the stream
before a client read it is told by an event of its own. An edge that ends, a token that ends and a slow client are told why, too.
"""
