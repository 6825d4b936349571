{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['email_key'],
    meta={'noted': [{'kind': 'email', 'key': 'email_key'}]},
) }}

with touched as (
    select distinct noted_key as email_key
    from ({{ noted(ref('int_identity_events'), 'email', key='email_key') }}) as noted_emails
    where noted_key is not null
),

-- an e-mail is a user's where the lowest and the highest of its users are one; without one it is a bucket without rows
final as (
    select
        touched.email_key,
        case when lowest.user_key = highest.user_key then lowest.user_key end as user_key
    from touched
    left join lateral (
        select events.user_key from {{ ref('int_identity_events') }} as events
        where touched.email_key = events.email_key and events.user_key is not null
        order by events.user_key
        limit 1
    ) as lowest on true
    left join lateral (
        select events.user_key from {{ ref('int_identity_events') }} as events
        where touched.email_key = events.email_key and events.user_key is not null
        order by events.user_key desc
        limit 1
    ) as highest on true
)

select * from final
