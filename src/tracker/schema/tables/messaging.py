"""Short URLs, message threads and messages."""

from tracker.columns import Column, Kind
from tracker.kinds import RowKind
from tracker.schema.table import Fed, Keep, Table, View
from tracker.schema.tables.core import BATCH, EID
from tracker.schema.tables.several import marked, several

_ORG = (
    Column("oid", Kind.ID, "Organisation id."),
    Column("org", Kind.WORD, "Organisation name."),
)

REDIRECTS = Table(
    "redirects_store", "Keeps `redirects`.",
    (
        Column("hhash", Kind.WORD, "Hash of the short URL's host."),
        Column("urlfrom", Kind.TEXT, "Short URL, as host/path."),
        Column("urlto", Kind.TEXT, "Destination; empty once the link is deleted."),
        *_ORG,
        Column("updated_at", Kind.TIME, "When it was last changed."),
        Column("updater", Kind.ID, "Who changed it.", personal=True),
        Column("created_at", Kind.TIME, "When it was made."),
        EID,
        *BATCH,
    ),
    order=("urlfrom",), keep=Keep.NEWEST, version="updated_at")

REDIRECT_HISTORY = Table(
    "redirect_history", "Every change of a short URL.",
    (
        *several(Kind.TEXT, "Short URL: {}.", "urlfrom hostfrom slugfrom"),
        *several(Kind.TEXT, "Destination: {}.", "urlto hostto pathto searchto"),
        *_ORG,
        Column("updater", Kind.ID, "Who changed it.", personal=True),
        Column("updated_at", Kind.TIME, "When it was changed."),
        EID,
        *BATCH,
    ),
    order=("oid", "urlfrom", "updated_at"))

_LINKS_FED = (
    Fed(REDIRECTS, RowKind.LINK, ("hhash", "oid", "org", "eid"), {"urlfrom": "key"}),
    Fed(REDIRECT_HISTORY, RowKind.LINK, ("oid", "org", "eid")),
)

_PEOPLE = (
    *_ORG,
    *several(Kind.ID, "Id: {}.", "owner uid vid", personal=True),
    Column("updater", Kind.ID, "Who sent this.", personal=True),
)

MESSAGE = marked((
    *several(Kind.ID, "Id: {}.", "tid mid pmid qid rid"),
    *several(Kind.TEXT, "Text of the message: {}.", "subject msg data mtempl content",
             personal=True),
    *several(Kind.WORD, "Message: {}.",
             "svc relation xid split status channel campaign_id recipient_timezone"),
    Column("urgency", Kind.INTEGER, "How urgent; 8 by default in triage."),
    *several(Kind.FLAG, "Whether {}.", "sys broadcast keep"),
    *several(Kind.JSON, "Object: {}.", "repl meta"),
    *several(Kind.MOMENT, "When it was {}.", "scheduled started completed deleted"),
    *several(Kind.INTEGER, "Time at the recipient: {}.",
             "scheduled_local_hour scheduled_local_dow utc_offset_minutes"),
    *several(Kind.TEXTS, "List: {}.", "mtypes users deliveries failures perms_ids"),
    Column("createdms", Kind.INTEGER, "When it was made, in milliseconds."),
    *_PEOPLE,
    Column("created_at", Kind.TIME, "When it happened, as of the event."),
    Column("updated_at", Kind.TIME, "When it was received."),
    EID,
), "users deliveries failures")

MSTORE = Table(
    "mstore", "Every message.",
    (
        *MESSAGE,
        Column("funnel_stage", Kind.WORD, "Stage of the funnel."),
        Column("conversion_event_count", Kind.INTEGER, "Conversions counted for it."),
        *several(Kind.JSON, "Object: {}.", "interest perf"),
        *several(Kind.MOMENT, "When it was {}.", "planned hide"),
        Column("hidden", Kind.FLAG, "Not shown."),
        *BATCH,
    ),
    order=("oid", "tid", "mid", "created_at"), month="created_at")

MTRIAGE = Table(
    "mtriage", "Messages that wait to be worked on.", (*MESSAGE, *BATCH),
    order=("oid", "tid", "mid", "created_at"), month="created_at")

_THREAD = marked((
    *several(Kind.TEXT, "Thread: {}.", """
        alias xid xstatus name post app rel ptyp etyp ename auth_name source svc medium campaign
        term promo aff provider provider_campaign_id provider_account_id provider_status
        funnel_stage winner_variant content_intention status channel experiment_id variant_id
        subject"""),
    *several(Kind.TEXT, "Campaign: {}.", "campaign_id campaign_phase campaign_status"),
    *several(Kind.TEXT, "A/B testing: {}.", """
        abz_algorithm abz_reward_metric abz_status abz_model_type abz_acquisition_function"""),
    *several(Kind.TEXT, "Content: {}.", "content_status creator_compensation_model creator_notes"),
    Column("attribution_model", Kind.TEXT, "Attribution model."),
    *several(Kind.TEXT, "Id: {}.", """
        mcert_id ref creator_id content_id content_approver content_creator parent_tid"""),
    *several(Kind.TEXT, "Id: {}.", "owner uid vid updater", personal=True),
    Column("org", Kind.TEXT, "Organisation name."),
    *several(Kind.TEXTS, "List: {}.", """
        cats mtypes fmtypes cmtypes cohorts audience_segments content_keywords consent_types
        admins perms_ids sent outs subs pubs vid_targets content_history content_editors"""),
    *several(Kind.JSON, "Object: {}.", """
        ddata mtempl splits prefs interest perf variants variant_weights audience_params
        audience_metrics content_assumptions content_metrics regional_compliance frequency_caps
        provider_metrics abz_params abz_param_space abz_model_params attribution_params"""),
    *several(Kind.ANSWER, "Whether {}.", """
        opens openp derive ftrack strack sys archived broadcast abz_enabled abz_auto_optimize
        abz_auto_stop abz_infinite_armed requires_consent creator_compensation"""),
    *several(Kind.INTEGER, "Number: {}.", """
        ver urgency ephemeral campaign_priority attribution_window data_retention content_version
        planned_impressions actual_impressions impression_goal total_conversions abz_sample_size
        abz_min_sample_size updatedms"""),
    *several(Kind.MONEY, "Amount: {}.", """
        provider_cost impression_budget cost_per_impression conversion_value
        campaign_budget_allocation creator_compensation_cap"""),
    *several(Kind.NUMBER, "Number: {}.", """
        attribution_weight creator_compensation_rate abz_reward_value abz_exploration_rate
        abz_learning_rate abz_confidence_level abz_winner_threshold"""),
    *several(Kind.MOMENT, "When: {}.", "abz_start_time deleted content_approval_date"),
), "auth_name ref sent outs subs pubs vid_targets")

MTHREADS = Table(
    "mthreads_store", "Keeps `mthreads`: what each message said of its thread.",
    (
        Column("oid", Kind.ID, "Organisation id."),
        Column("tid", Kind.ID, "Thread id."),
        *_THREAD,
        Column("created_at", Kind.TIME, "When it was said, as of the event."),
        EID,
        *BATCH,
    ),
    order=("oid", "tid", "created_at"))

TABLES = (REDIRECTS, REDIRECT_HISTORY, MTHREADS, MSTORE, MTRIAGE)

_SHARED = ("oid", "org", "tid", "created_at", "eid")

MTHREADS_FED = Fed(MTHREADS, RowKind.MESSAGE, _SHARED, keys={"mtempl": "mtempl_object"})
MSTORE_FED = Fed(MSTORE, RowKind.MESSAGE, _SHARED)
MTRIAGE_FED = Fed(MTRIAGE, RowKind.MESSAGE, _SHARED, unknown={"urgency": "8", "keep": "true"})

FED = (*_LINKS_FED, MTHREADS_FED, MSTORE_FED, MTRIAGE_FED)

_SAID = "(e.created_at, CAST(e.eid AS VARCHAR))"
"""When something was said of a thread; ids of one batch tell what was said in one millisecond."""

_UNKNOWN = {Kind.TEXT: "''", Kind.TEXTS: "[]", Kind.JSON: "'{}'"}


def _latest(column: Column) -> str:
    """The newest value of a column that is known."""
    value = f"e.{column.name}"
    compared = f"CAST({value} AS VARCHAR)" if column.kind is Kind.JSON else value
    unknown = _UNKNOWN.get(column.kind)
    known = f"{value} IS NOT NULL" if unknown is None else f"{compared} <> {unknown}"
    return f"argMax({value}, {_SAID}) FILTER (WHERE {known}) AS {column.name}"


VIEWS = (
    View("redirects", "Short URLs and where they lead.", "redirects_store", "e.*",
         "WHERE e.urlto <> ''", merged=True),
    View("mthreads", "Message threads: the newest known value of each column.", "mthreads_store",
         ", ".join(("e.oid", "e.tid", *map(_latest, _THREAD), "min(e.created_at) AS created_at",
                    "max(e.created_at) AS updated_at")),
         "GROUP BY e.oid, e.tid"),
)
