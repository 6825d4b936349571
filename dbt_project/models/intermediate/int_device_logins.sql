{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['device_key'],
    indexes=[{'columns': ['login_key']}],
    meta={'noted': [{'kind': 'device', 'key': 'device_key'}, {'kind': 'login', 'key': 'login_key'}]},
) }}

with noted_devices as (
    {{ noted(ref('int_identity_events'), 'device', key='device_key') }}
),

noted_emails as (
    {{ noted(ref('int_email_users'), 'email', key='email_key') }}
),

touched as (
    select noted_key as device_key from noted_devices
    union
    select events.device_key
    from noted_emails
    inner join {{ ref('int_identity_events') }} as events on noted_emails.noted_key = events.email_key
    where events.user_key is null
),

identities as (
    select distinct
        touched.device_key,
        events.user_key,
        case when events.user_key is null then events.email_key end as email_key
    from touched
    inner join {{ ref('int_identity_events') }} as events on touched.device_key = events.device_key
),

final as (
    select distinct
        identities.device_key,
        {{ login_key_of('identities', 'email_users') }} as login_key,
        {{ login_kind_of('identities', 'email_users') }} as login_kind
    from identities
    left join {{ ref('int_email_users') }} as email_users
        on identities.user_key is null and identities.email_key = email_users.email_key
    union all
    -- a bucket without rows
    select
        device_key,
        null as login_key,
        null as login_kind
    from touched
)

select * from final
