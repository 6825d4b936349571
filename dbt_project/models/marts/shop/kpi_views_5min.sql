with devices as (
    select * from {{ ref('int_product_devices__5min') }}
    where views > 0
),

countries as (
    select * from {{ ref('dim_country') }}
),

final as (
    select
        devices.event_date,
        devices.window_start,
        countries.country_code,
        devices.country_name,
        devices.store_id,
        sum(devices.views)::bigint as views,
        sum(devices.human_views)::bigint as human_views
    from devices
    left join countries on devices.country_name = countries.country_name
    group by 1, 2, 3, 4, 5
)

select * from final
