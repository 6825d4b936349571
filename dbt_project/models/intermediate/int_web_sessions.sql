{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['session_key'],
    indexes=[{'columns': ['user_key', 'started_at']}],
    meta={'event_day': reporting_day('started_at')},
) }}

with recursive touched_requests as (
    {{ touched_requests() }}
),

-- From a user's first to their last touched request, and on in both directions while the next one is within the gap: all
-- sessions that these requests belong to, extend or join. Found in the facts, whatever this table holds. Not `union all`:
-- a span that grows no further comes out as it was, which ends it.
growing as (
    select
        user_key,
        min(event_at) as first_at,
        max(event_at) as last_at
    from touched_requests
    where user_key is not null
    group by user_key

    union

    select
        growing.user_key,
        (
            select min(requests.event_at) from {{ ref('int_web_requests') }} as requests
            where
                growing.user_key = requests.user_key
                and requests.event_at between growing.first_at - interval '{{ var("session_gap") }}' and growing.first_at
                and {{ readable_loads('web_logs', 'requests.load_id') }}
        ) as first_at,
        (
            select max(requests.event_at) from {{ ref('int_web_requests') }} as requests
            where
                growing.user_key = requests.user_key
                and requests.event_at between growing.last_at and growing.last_at + interval '{{ var("session_gap") }}'
                and {{ readable_loads('web_logs', 'requests.load_id') }}
        ) as last_at
    from growing
),

spans as (
    select
        user_key,
        min(first_at) as first_at,
        max(last_at) as last_at
    from growing
    group by user_key
),

requests as (
    select
        spans.user_key,
        found.user_id,
        found.event_at,
        found.action_kind,
        found.is_bot,
        found.newest_load_id,
        coalesce(
            found.event_at - lag(found.event_at) over (partition by spans.user_key order by found.event_at)
            > interval '{{ var("session_gap") }}',
            true
        ) as is_first_of_session
    from spans
    inner join {{ ref('fct_web_requests') }} as found
        on
            spans.user_key = found.user_key
            and found.event_at between spans.first_at and spans.last_at
            and not {{ is_of_let_go_session('web_logs', 'found', 'user_key') }}
            and {{ readable_loads('web_logs', 'found.load_id') }}
),

numbered as (
    select
        *,
        count(*) filter (where is_first_of_session) over (partition by user_key order by event_at) as session_number
    from requests
),

sessions as (
    select
        user_key,
        min(user_id) as user_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as events,
        count(*) filter (where action_kind = 'view') as views,
        count(*) filter (where action_kind = 'cart') as carts,
        count(*) filter (where action_kind = 'checkout') as checkouts,
        bool_or(is_bot) as is_bot,
        max(newest_load_id) as changed_load_id
    from numbered
    group by user_key, session_number
),

rebuilt as (
    select
        {{ text_key("user_key || ' ' || extract(epoch from started_at)") }} as session_key,
        *
    from sessions
),

-- what stood in these spans before, and what erased users left: rows without a user only delete
outdated as (
    select before.session_key
    from {{ this }} as before
    inner join spans on before.user_key = spans.user_key and before.started_at between spans.first_at and spans.last_at

    union

    select before.session_key
    from {{ this }} as before
    where before.user_key in ({{ changed_keys('web_logs', 'user') }})
),

final as (
    select
        session_key,
        user_key,
        user_id,
        started_at,
        ended_at,
        events,
        views,
        carts,
        checkouts,
        is_bot,
        changed_load_id
    from rebuilt
    union all
    select
        session_key,
        null as user_key,
        null as user_id,
        null as started_at,
        null as ended_at,
        null as events,
        null as views,
        null as carts,
        null as checkouts,
        null as is_bot,
        null as changed_load_id
    from outdated
)

select * from final
