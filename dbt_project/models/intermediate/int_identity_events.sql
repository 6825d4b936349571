{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_key'],
    indexes=[
        {'columns': ['device_key', 'event_at']},
        {'columns': ['email_key', 'user_key']},
    ],
    meta={
        'event_day': reporting_day('event_at'),
        'noted': [{'kind': 'device', 'key': 'device_key'}, {'kind': 'email', 'key': 'email_key'}],
    },
) }}

with found as (
    select
        event_key,
        device_key,
        event_at,
        {{ login_user_key('user_id') }} as user_key,
        email_key,
        is_production
    from {{ ref('int_product_events__with_rules') }}
    where device_id is not null and (user_id is not null or email_key is not null) and {{ new_loads('product_views') }}
),

-- what names nobody, or is of no production shop, is a bucket without rows
final as (
    select
        event_key,
        case when is_production and num_nonnulls(user_key, email_key) > 0 then device_key end as device_key,
        event_at,
        user_key,
        email_key
    from found
)

select * from final
