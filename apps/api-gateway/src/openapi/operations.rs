//! The table of REST operations.

use utoipa::openapi::HttpMethod;

/// Operations that belong together; a tag of the document.
pub struct Group {
    pub tag: &'static str,
    pub description: &'static str,
    pub operations: &'static [Operation],
}

/// A method on a path.
pub struct Operation {
    pub method: HttpMethod,
    /// Without `/api/v1`, unless it starts with `/.well-known` or `/api/v2`.
    path: &'static str,
    pub summary: &'static str,
    pub source: Source,
    pub status: u16,
    pub needs_token: bool,
    /// Statuses it may be refused with, beside those that follow from the rest of the row.
    pub refusals: &'static [u16],
}

/// What stands behind an operation.
pub enum Source {
    /// An RPC of `learnflow.v1` as `Service/Method`, and how its request and response are put into HTTP.
    Rpc { name: &'static str, headers: &'static [RequestHeader], answer: Answer },
    /// The gateway alone, with an operation id.
    Gateway(&'static str),
}

/// A header that stands for a field of the request.
pub struct RequestHeader {
    pub name: &'static str,
    pub field: &'static str,
    pub description: &'static str,
}

/// Which part of an RPC's response is the body.
#[derive(Clone, Copy)]
pub enum Answer {
    Whole,
    /// The whole, or server-sent events for those who ask for them.
    WholeOrEvents,
    Field(&'static str),
    /// The field when it is there in time; else 202, the whole and where to read it later.
    FieldOrLater(&'static str),
    /// Server-sent events.
    Events,
}

impl Operation {
    pub fn full_path(&self) -> String {
        let is_full = self.path.starts_with("/.well-known") || self.path.starts_with("/api/v2");
        if is_full { self.path.to_owned() } else { format!("/api/v1{}", self.path) }
    }

    /// Names between braces in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether what the path does not carry is in the body; else it is in the query.
    pub fn has_body(&self) -> bool {
        matches!(self.method, HttpMethod::Post | HttpMethod::Patch)
    }

    const fn rpc(method: HttpMethod, path: &'static str, name: &'static str, summary: &'static str) -> Self {
        let source = Source::Rpc { name, headers: &[], answer: Answer::Whole };
        Self { method, path, summary, source, status: 200, needs_token: true, refusals: &[] }
    }

    const fn gateway(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let (method, source) = (HttpMethod::Get, Source::Gateway(id));
        Self { method, path, summary, source, status: 200, needs_token: false, refusals: &[] }
    }

    /// An operation of Piston's API.
    const fn piston(method: HttpMethod, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { method, needs_token: true, ..Self::gateway(path, id, summary) }
    }

    const fn answers(mut self, part: Answer) -> Self {
        if let Source::Rpc { answer, .. } = &mut self.source {
            *answer = part;
        }
        self
    }

    const fn headers(mut self, list: &'static [RequestHeader]) -> Self {
        if let Source::Rpc { headers, .. } = &mut self.source {
            *headers = list;
        }
        self
    }

    const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    const fn open(mut self) -> Self {
        self.needs_token = false;
        self
    }

    const fn refuses(mut self, statuses: &'static [u16]) -> Self {
        self.refusals = statuses;
        self
    }
}

const fn get(path: &'static str, rpc: &'static str, summary: &'static str) -> Operation {
    Operation::rpc(HttpMethod::Get, path, rpc, summary)
}

const fn post(path: &'static str, rpc: &'static str, summary: &'static str) -> Operation {
    Operation::rpc(HttpMethod::Post, path, rpc, summary)
}

const fn patch(path: &'static str, rpc: &'static str, summary: &'static str) -> Operation {
    Operation::rpc(HttpMethod::Patch, path, rpc, summary)
}

const fn delete(path: &'static str, rpc: &'static str, summary: &'static str) -> Operation {
    Operation::rpc(HttpMethod::Delete, path, rpc, summary)
}

/// Every operation, as `rest.rs` routes them: a test compares the two.
pub const GROUPS: &[Group] = &[
    Group {
        tag: "Accounts",
        description: "Sign-up, tokens and the keys they are signed with.",
        operations: &[
            post("/auth/register", "AuthService/Register", "Create an account").open().status(201).refuses(&[409]),
            post("/auth/login", "AuthService/Login", "Sign in").open().refuses(&[401, 429]),
            post("/auth/refresh", "AuthService/Refresh", "Renew the tokens").open().refuses(&[401]),
            post("/auth/logout", "AuthService/Logout", "Sign out"),
            Operation::gateway("/.well-known/jwks.json", "jwks", "Public keys of the access tokens").refuses(&[503]),
        ],
    },
    Group {
        tag: "Ask",
        description: "Questions to the tutors, and the tutors' answers.",
        operations: &[
            post("/query", "QueryService/Ask", "Ask a question")
                .answers(Answer::FieldOrLater("answer"))
                .headers(&[
                    RequestHeader {
                        name: "Idempotency-Key",
                        field: "idempotency_key",
                        description: "The same key within a day names the same question, however often it is sent. \
                            At most 255 visible ASCII characters.",
                    },
                    RequestHeader {
                        name: "Prefer",
                        field: "wait_seconds",
                        description: "`wait=N`: wait for the answer up to N seconds, 5 unless said, at most 30. \
                            `respond-async`: do not wait.",
                    },
                ])
                .refuses(&[422]),
            get("/queries/{request_id}", "QueryService/GetQuery", "Read where a question stands"),
            get("/queries/{request_id}/events", "QueryService/WatchQuery", "Follow an answer as it is written")
                .answers(Answer::Events)
                .headers(&[RequestHeader {
                    name: "Last-Event-ID",
                    field: "resume_token",
                    description: "The id of the last event received; the stream goes on behind it.",
                }]),
            get("/concepts", "ConceptService/ListConcepts", "List modules and topics"),
            post("/explain", "ConceptService/Explain", "Explain a topic")
                .answers(Answer::Field("answer"))
                .refuses(&[404]),
            post("/review", "ReviewService/Review", "Review a program").refuses(&[404]),
            post("/debug", "DebugService/Debug", "Find an error, one hint at a time").refuses(&[404]),
        ],
    },
    Group {
        tag: "Practise",
        description: "Exercises, quizzes and running code.",
        operations: &[
            post("/exercises/generate", "ExerciseService/GenerateExercises", "Make exercises").refuses(&[404]),
            get("/exercises", "ExerciseService/ListExercises", "List exercises"),
            get("/exercises/{id}", "ExerciseService/GetExercise", "Read an exercise")
                .answers(Answer::Field("exercise")),
            post("/exercises/{exercise_id}/submissions", "ExerciseService/SubmitExercise", "Submit a solution"),
            get("/quizzes/{topic}", "QuizService/GetQuiz", "Read a topic's quiz"),
            post("/quizzes/{topic}/attempts", "QuizService/SubmitQuizAttempt", "Attempt a quiz"),
            get("/placement", "QuizService/GetPlacementQuiz", "Read the placement quiz"),
            post("/placement/attempts", "QuizService/SubmitPlacementQuiz", "Answer the placement quiz, once")
                .refuses(&[404, 409]),
            post("/execute", "ExecutionService/Execute", "Run a program").answers(Answer::WholeOrEvents),
            post("/execute/batch", "ExecutionService/ExecuteBatch", "Run a program once per input"),
            Operation::piston(HttpMethod::Post, "/api/v2/execute", "piston_execute", "Run a program, as with Piston"),
            Operation::piston(HttpMethod::Get, "/api/v2/runtimes", "piston_runtimes", "List languages, as with Piston"),
        ],
    },
    Group {
        tag: "Progress",
        description: "What students have mastered, and their classes, assignments and alerts.",
        operations: &[
            post("/progress", "ProgressService/RecordProgress", "Record something a student did").refuses(&[403]),
            get("/progress/{user_id}", "ProgressService/GetProgress", "Read a student's mastery").refuses(&[403]),
            get("/progress/{user_id}/events", "ProgressService/ListEvents", "List what a student did").refuses(&[403]),
            get("/progress/{user_id}/weeks", "ProgressService/ListWeeks", "List a student's weeks").refuses(&[403]),
            get("/progress/{user_id}/audit", "ProgressService/ListAudit", "List who looked at a user's data")
                .refuses(&[403]),
            delete("/progress/{user_id}/placement", "ProgressService/ResetPlacement", "Allow another placement quiz")
                .refuses(&[403]),
            get("/classes", "ClassService/ListClasses", "List one's classes"),
            post("/classes", "ClassService/CreateClass", "Make a class").status(201).refuses(&[403]),
            post("/classes/join", "ClassService/JoinClass", "Join a class").refuses(&[403, 404]),
            post("/classes/{class_id}/join-code", "ClassService/RenewJoinCode", "Renew a class's join code")
                .answers(Answer::Field("class"))
                .refuses(&[403]),
            delete("/classes/{class_id}/students/{student_id}", "ClassService/RemoveStudent", "Leave a class")
                .refuses(&[403]),
            get("/classes/{class_id}/progress", "ClassService/GetClassProgress", "See a class at a glance")
                .refuses(&[403]),
            post("/classes/{class_id}/assignments", "ClassService/CreateAssignment", "Assign or propose an exercise")
                .status(201)
                .refuses(&[403]),
            get("/assignments", "ClassService/ListAssignments", "List assignments").refuses(&[403, 404]),
            get("/assignments/{id}", "ClassService/GetAssignment", "Read an assignment, and who did it")
                .refuses(&[403]),
            delete("/assignments/{id}", "ClassService/DropAssignment", "Drop an assignment").refuses(&[403]),
            post("/assignments/{id}/confirm", "ClassService/ConfirmAssignment", "Assign what was proposed")
                .answers(Answer::Field("assignment"))
                .refuses(&[403]),
            get("/alerts", "AlertService/ListAlerts", "List alerts").refuses(&[403]),
            post("/alerts/{id}/resolve", "AlertService/ResolveAlert", "Resolve an alert").refuses(&[403]),
        ],
    },
    Group {
        tag: "Notifications and chat",
        description: "News for a user, and the history of the chat. Live they come by the chat socket, /ws/chat/{student_id}.",
        operations: &[
            get("/notifications", "NotificationService/ListNotifications", "List one's notifications"),
            post("/notifications/subscribe", "NotificationService/Subscribe", "Choose what to be told of"),
            post("/notifications/publish", "NotificationService/Publish", "Send a notification").refuses(&[403]),
            post("/notifications/{id}/read", "NotificationService/MarkRead", "Mark a notification as read"),
            get("/chat/messages", "ChatService/ListChatMessages", "List what was said in one's chat").refuses(&[403]),
        ],
    },
    Group {
        tag: "Users",
        description: "Users, for themselves and for administrators.",
        operations: &[
            get("/users", "UserService/ListUsers", "List users").refuses(&[403]),
            get("/users/{id}", "UserService/GetUser", "Read a user").answers(Answer::Field("user")).refuses(&[403]),
            patch("/users/{id}", "UserService/UpdateUser", "Change a user")
                .answers(Answer::Field("user"))
                .refuses(&[403, 409]),
            delete("/users/{id}", "UserService/EraseUser", "Erase a user").status(202).refuses(&[403, 409]),
            get("/users/{id}/export", "UserService/ExportUser", "Export everything held on a user")
                .answers(Answer::Field("data"))
                .refuses(&[403]),
        ],
    },
    Group {
        tag: "Operation",
        description: "For probes and load balancers.",
        operations: &[
            Operation::gateway("/health", "health", "Whether the gateway runs"),
            Operation::gateway("/ready", "ready", "Whether the gateway can serve"),
        ],
    },
];
