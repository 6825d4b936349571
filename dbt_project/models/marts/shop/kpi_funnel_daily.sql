with daily as (
    select * from {{ ref('int_product_funnel__daily') }}
),

steps as (
    select distinct
        step_order,
        step
    from {{ ref('shop_funnel_steps') }}
),

final as (
    select
        daily.event_date,
        daily.country_name,
        daily.step_order,
        steps.step,
        daily.devices,
        daily.human_devices,
        -- of the step before and of the first step; 1 at the first
        daily.devices::numeric / nullif(coalesce(lag(daily.devices) over of_country, daily.devices), 0) as step_conversion,
        daily.devices::numeric / nullif(first_value(daily.devices) over of_country, 0) as total_conversion
    from daily
    left join steps on daily.step_order = steps.step_order
    window of_country as (partition by daily.event_date, daily.country_name order by daily.step_order)
)

select * from final
