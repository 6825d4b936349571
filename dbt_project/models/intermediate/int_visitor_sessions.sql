{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['device_key'],
    indexes=[
        {'columns': ['session_key'], 'unique': true},
        {'columns': ['visitor_key', 'started_at']},
        {'columns': [reporting_day('started_at')]},
    ],
    meta={
        'noted': [
            {'kind': 'device', 'key': 'device_key'},
            {'kind': 'visitor', 'key': 'visitor_key'},
            {'kind': 'day', 'day': reporting_day('started_at')},
            {'kind': 'visit', 'key': 'visitor_key', 'day': utc_day('started_at')},
        ],
        'partial_indexes': [{'columns': ['device_key'], 'where': 'is_on_shared_device'}],
    },
) }}

with noted_wide_logins as (
    {{ noted(ref('int_wide_logins'), 'login', key='login_key') }}
),

noted_devices as (
    {{ noted(ref('int_product_sessions'), 'device', key='device_key') }}
    union
    {{ noted(ref('int_identity_events'), 'device', key='device_key') }}
    union
    {{ noted(ref('int_device_logins'), 'device', key='device_key') }}
),

touched as (
    select noted_key as device_key from noted_devices
    union
    select logins.device_key
    from noted_wide_logins
    inner join {{ ref('int_device_logins') }} as logins on noted_wide_logins.noted_key = logins.login_key
),

-- a login on too many devices is none anywhere
logins_of_devices as (
    select
        touched.device_key,
        count(*) as logins,
        (array_agg(logins.login_key))[1] as login_key,
        min(logins.login_kind) as login_kind
    from touched
    inner join {{ ref('int_device_logins') }} as logins on touched.device_key = logins.device_key
    where
        not exists (
            select from {{ ref('int_wide_logins') }} as wide
            where logins.login_key = wide.login_key
        )
    group by touched.device_key
),

sessions as (
    select sessions.*
    from touched
    inner join {{ ref('int_product_sessions') }} as sessions on touched.device_key = sessions.device_key
),

-- `order by` keeps this a look into the index for each session, and not each session with each event of its device
identities as (
    select distinct
        sessions.session_key,
        found.user_key,
        found.email_key
    from logins_of_devices
    inner join sessions on logins_of_devices.device_key = sessions.device_key
    inner join lateral (
        select
            events.user_key,
            case when events.user_key is null then events.email_key end as email_key
        from {{ ref('int_identity_events') }} as events
        where sessions.device_key = events.device_key and events.event_at between sessions.started_at and sessions.ended_at
        order by events.event_at
    ) as found on true
),

session_logins as (
    select distinct
        identities.session_key,
        {{ login_key_of('identities', 'email_users') }} as login_key,
        {{ login_kind_of('identities', 'email_users') }} as login_kind
    from identities
    left join {{ ref('int_email_users') }} as email_users
        on identities.user_key is null and identities.email_key = email_users.email_key
),

logins_of_sessions as (
    select
        session_key,
        count(*) as logins,
        (array_agg(login_key))[1] as login_key,
        min(login_kind) as login_kind
    from session_logins
    where
        not exists (
            select from {{ ref('int_wide_logins') }} as wide
            where session_logins.login_key = wide.login_key
        )
    group by session_key
),

-- the session's only login; of a session without one the only login of its device; else the device stands for itself
with_logins as (
    select
        sessions.*,
        case
            when logins_of_sessions.logins = 1 then logins_of_sessions.login_key
            when logins_of_sessions.logins is null and logins_of_devices.logins = 1 then logins_of_devices.login_key
        end as login_key,
        case
            when logins_of_sessions.logins = 1 then logins_of_sessions.login_kind
            when logins_of_sessions.logins is null and logins_of_devices.logins = 1 then logins_of_devices.login_kind
        end as login_kind,
        coalesce(logins_of_devices.logins > 1, false) as is_on_shared_device
    from sessions
    left join logins_of_sessions on sessions.session_key = logins_of_sessions.session_key
    left join logins_of_devices on sessions.device_key = logins_of_devices.device_key
),

final as (
    select
        device_key,
        session_key,
        coalesce(login_key, {{ visitor_key('device', 'device_key') }}) as visitor_key,
        coalesce(login_kind, 'device') as identified_by,
        is_on_shared_device,
        started_at,
        ended_at,
        first_event_key,
        events,
        views,
        is_bot
    from with_logins
    union all
    -- a bucket without rows
    select
        device_key,
        null as session_key,
        null as visitor_key,
        null as identified_by,
        null as is_on_shared_device,
        null as started_at,
        null as ended_at,
        null as first_event_key,
        null as events,
        null as views,
        null as is_bot
    from touched
)

select * from final
