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

-- counted no further than needed: the device after the bound makes it wide, and the next ones change nothing
final as (
    select
        touched.login_key,
        case when counted.devices > {{ var('visitor_max_devices') }} then {{ var('visitor_max_devices') }}::bigint end as more_than_devices
    from touched
    cross join lateral (
        select count(*) as devices
        from (
            select logins.device_key from {{ ref('int_device_logins') }} as logins
            where touched.login_key = logins.login_key
            limit {{ var('visitor_max_devices') }} + 1
        ) as first_devices
    ) as counted
)

select * from final
