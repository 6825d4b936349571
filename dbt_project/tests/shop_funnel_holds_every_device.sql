-- Each device that reached a step on a day is in the first step of its country's funnel, and no step has more than the one before.
with devices as (
    select
        event_date,
        country_name,
        count(distinct device_key) as devices,
        count(distinct device_key) filter (where human_furthest_step is not null) as human_devices
    from {{ ref('int_product_devices__5min') }}
    where is_visitor and furthest_step is not null
    group by 1, 2
),

steps as (
    select
        *,
        lag(devices) over (partition by event_date, country_name order by step_order) as devices_before,
        lag(human_devices) over (partition by event_date, country_name order by step_order) as human_devices_before
    from {{ ref('int_product_funnel__daily') }}
    where step_order is not null
),

first_steps as (
    select * from steps
    where devices_before is null
),

compared as (
    select
        coalesce(first_steps.event_date, devices.event_date) as event_date,
        coalesce(first_steps.country_name, devices.country_name) as country_name,
        first_steps.devices as funnel_devices,
        devices.devices
    from first_steps
    full join devices on first_steps.event_date = devices.event_date and first_steps.country_name = devices.country_name
    where
        (first_steps.devices, first_steps.human_devices) is distinct from (devices.devices, devices.human_devices)
        and {{ are_as_far('product_views', [ref('int_product_funnel__daily'), ref('int_product_devices__5min')]) }}
)

select * from compared
union all
select
    event_date,
    country_name,
    devices,
    devices_before
from steps
where devices > devices_before or human_devices > human_devices_before or human_devices > devices
