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

counted as (
    select
        viewers.event_date,
        viewers.product_key,
        min(viewers.product_id) as product_id,
        sum(viewers.views)::bigint as views,
        sum(viewers.human_views)::bigint as human_views,
        count(distinct viewers.device_key) filter (where viewers.is_visitor) as visitors,
        count(distinct viewers.device_key) filter (where viewers.is_visitor and viewers.human_views > 0) as human_visitors,
        sum(viewers.future_views)::bigint as future_views
    from viewers
    inner join touched on viewers.event_date = touched.event_date and viewers.product_key = touched.product_key
    group by 1, 2
),

final as (
    select
        touched.event_date,
        touched.product_key,
        counted.product_id,
        counted.views,
        counted.human_views,
        counted.visitors,
        counted.human_visitors,
        counted.future_views
    from touched
    left join counted on touched.event_date = counted.event_date and touched.product_key = counted.product_key
)

select * from final
