{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['login_key'],
    meta={'noted': [{'kind': 'login', 'key': 'login_key'}]},
) }}

with touched as (
    select distinct noted_key as login_key
    from ({{ noted(ref('int_device_logins'), 'login', key='login_key') }}) as noted_logins
),

-- looked for no further than needed: the device after the bound makes it wide, and the next ones change nothing
final as (
    select
        touched.login_key,
        case when beyond.device_key is not null then {{ var('visitor_max_devices') }}::bigint end as more_than_devices
    from touched
    left join lateral (
        select logins.device_key from {{ ref('int_device_logins') }} as logins
        where touched.login_key = logins.login_key
        limit 1 offset {{ var('visitor_max_devices') }}
    ) as beyond on true
)

select * from final
