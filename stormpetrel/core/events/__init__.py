"""What travels on the topics: one frozen, versioned pydantic model an event, JSON on the wire."""
# Names are imported to be exported again.
# mypy: implicit-reexport
# ruff: noqa: F401

from stormpetrel.core.events.access import SCOPES, ApiKeyAdded, ApiKeyRevoked, Audited, PrincipalName, Scope
from stormpetrel.core.events.alerting import (
    AlertRule,
    AlertRuleDeleted,
    GroupBy,
    Matchers,
    QuietHours,
    ReceiverName,
    Route,
    RuleId,
    Silence,
    SilenceEnded,
    SilenceId,
)
from stormpetrel.core.events.annotations import (
    Annotation,
    AnnotationForgotten,
    AnnotationId,
    AnnotationUndone,
    Annotator,
    CollectionId,
    ItemsLabelled,
    LabelDefined,
    LabelId,
    ModelUpdated,
    Sign,
    annotation_key,
)
from stormpetrel.core.events.bounds import Count, EventKind, Id, Integer, JsonObject, Key, Latitude, Longitude, Moment
from stormpetrel.core.events.codec import EVENTS, UPGRADES, Upgrade, decode, encode, headers_of
from stormpetrel.core.events.detection import DetectionStep
from stormpetrel.core.events.imagery import (
    Checksum,
    NewWater,
    OrbitDirection,
    PatchDescribed,
    PatchWithdrawn,
    Platform,
    ProductAnnounced,
    ProductName,
    ProductWithdrawn,
    SceneDescribed,
    SceneWithdrawn,
)
from stormpetrel.core.events.incidents import (
    Action,
    EvidencePost,
    ExpectedPass,
    Incident,
    IncidentAction,
    IncidentChange,
    IncidentId,
    IncidentSignal,
    IncidentState,
    RadarVerdict,
    Severity,
    SeverityReason,
    Verdict,
)
from stormpetrel.core.events.notifications import (
    AlertedIncident,
    AlertMessage,
    Channel,
    EarlierMessage,
    Mute,
    NotificationLogged,
    Reason,
)
from stormpetrel.core.events.photos import (
    AwaitedPhoto,
    ConceptScore,
    EarlierPhoto,
    Photo,
    PhotoHash,
    PhotosAwaited,
    PhotosDescribed,
)
from stormpetrel.core.events.posts import (
    MAX_TEXT,
    EnrichedEvent,
    EnrichedPost,
    EventRelevance,
    MatchDecision,
    Media,
    NativePlace,
    Place,
    PlaceAlternative,
    PlaceKind,
    PlaceRole,
    Post,
    PostDeleted,
    PostEvent,
    PostMatched,
    Relevance,
    SavedLimits,
    SavedQuery,
    SavedSearch,
    SavedSearchDeleted,
    Source,
    UnresolvedName,
    is_area,
)
from stormpetrel.core.events.privacy import Forgotten, Subject
from stormpetrel.core.events.signals import Signal, SignalLevel
from stormpetrel.core.events.sources import DropReason, PostDropped, SourceGap, SourcePosition
from stormpetrel.core.events.values import Event, Frozen, TermWeights, Vector
