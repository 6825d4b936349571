{{ config(incremental_strategy='rebuild_buckets', unique_key=['event_date', 'product_key']) }}

with new_views as (
    select * from {{ ref('fct_product_events') }}
    where is_view and is_production and {{ new_loads('product_views') }}
),

touched as (
    select distinct ({{ reporting_hour('event_at') }})::date as event_date, product_key
    from new_views
),

viewers as (
    select * from {{ ref('int_product_viewers__hourly') }}
),

final as (
    select
        touched.event_date,
        touched.product_key,
        min(viewers.product_id) as product_id,
        sum(viewers.views)::bigint as views,
        sum(viewers.human_views)::bigint as human_views,
        count(distinct viewers.device_key) filter (where viewers.is_visitor) as visitors,
        count(distinct viewers.device_key) filter (where viewers.is_visitor and viewers.human_views > 0) as human_visitors,
        sum(viewers.future_views)::bigint as future_views
    from touched
    left join viewers on touched.event_date = viewers.event_date and touched.product_key = viewers.product_key
    group by 1, 2
)

select * from final
