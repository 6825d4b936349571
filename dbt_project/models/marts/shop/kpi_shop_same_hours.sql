{% set zone = counted_timezone(ref('int_product_devices__5min')) %}
-- midnight to the newest event, and the same hours of the days before; the newest five minutes are still filling
with newest as (
    select max(newest_event_at) at time zone {{ zone }} as local_time
    from {{ ref('int_product_events__newest') }}
),

compared (day_order, compared_day, days_ago) as (
    values
    (1, 'today', 0),
    (2, 'yesterday', 1),
    (3, 'a week ago', 7)
),

days as (
    select
        compared.day_order,
        compared.compared_day,
        newest.local_time::date - compared.days_ago as event_date,
        (newest.local_time - make_interval(days => compared.days_ago)) at time zone {{ zone }} as until_at
    from compared
    cross join newest
),

steps as (
    select max(step_order) as last_step from {{ ref('shop_funnel_steps') }}
),

devices as (
    select
        days.day_order,
        windows.country_name,
        windows.device_key,
        sum(windows.views) as views,
        sum(windows.human_views) as human_views,
        bool_or(windows.is_visitor and windows.views > 0) as is_visitor,
        bool_or(windows.is_visitor and windows.human_views > 0) as is_human_visitor,
        max(windows.furthest_step) filter (where windows.is_visitor) as furthest_step,
        max(windows.human_furthest_step) filter (where windows.is_visitor) as human_furthest_step
    from days
    inner join {{ ref('int_product_devices__5min') }} as windows
        on days.event_date = windows.event_date and days.until_at >= windows.window_start
    group by 1, 2, 3
),

countries as (
    select
        devices.day_order,
        devices.country_name,
        sum(devices.views) as views,
        sum(devices.human_views) as human_views,
        count(devices.furthest_step) as entered,
        count(devices.human_furthest_step) as human_entered,
        count(*) filter (where devices.furthest_step = steps.last_step) as ordered,
        count(*) filter (where devices.human_furthest_step = steps.last_step) as human_ordered
    from devices
    cross join steps
    group by 1, 2
),

sessions as (
    select
        days.day_order,
        sessions.country_name,
        count(*) as sessions,
        count(*) filter (where not sessions.is_bot) as human_sessions
    from days
    inner join {{ ref('fct_product_sessions') }} as sessions
        on days.event_date = {{ reporting_day('sessions.started_at') }} and days.until_at >= sessions.started_at
    group by 1, 2
),

revenue as (
    select
        days.day_order,
        lines.country_name,
        lines.currency,
        count(distinct lines.order_key) as orders,
        coalesce(sum(lines.line_total), 0) as revenue,
        coalesce(sum(lines.line_total) filter (where not lines.is_bot), 0) as human_revenue
    from days
    inner join {{ ref('int_orders') }} as orders
        on days.event_date = {{ reporting_day('orders.event_at') }} and days.until_at >= orders.event_at
    -- order by order: joined with the rest, the view's joins are too many for Postgres to begin with the orders
    cross join
        lateral (
            select
                of_order.order_key,
                of_order.country_name,
                of_order.currency,
                of_order.line_total,
                of_order.is_bot
            from {{ ref('fct_order_lines') }} as of_order
            where orders.event_key = of_order.event_key
            order by 1
            offset 0
        ) as lines
    group by 1, 2, 3
),

currencies as (
    select
        currency,
        sum(orders) as orders
    from revenue
    group by 1
),

-- nothing is converted: one figure is of the currency of most orders
main_currency as (
    select (array_agg(currency order by orders desc, currency collate "C"))[1] as currency
    from currencies
),

figures (day_order, figure_order, figure, country_name, device_key, currency, traffic, amount, whole) as (
    select
        countries.day_order,
        figure.figure_order,
        figure.figure,
        countries.country_name,
        null::uuid,
        null::text,
        figure.traffic,
        figure.amount,
        figure.whole
    from countries
    cross join
        lateral (
            values
            (1, 'Views', 'all traffic', countries.views, null::bigint),
            (1, 'Views', 'people', countries.views, null),
            (2, 'Views by people', 'all traffic', countries.human_views, null),
            (2, 'Views by people', 'people', countries.human_views, null),
            (5, 'Conversion', 'all traffic', countries.ordered, countries.entered),
            (5, 'Conversion', 'people', countries.human_ordered, countries.human_entered)
        ) as figure (figure_order, figure, traffic, amount, whole)
    union all
    select
        devices.day_order,
        3,
        'Visitors',
        devices.country_name,
        devices.device_key,
        null,
        figure.traffic,
        1,
        null
    from devices
    cross join
        lateral (
            values
            ('all traffic', devices.is_visitor),
            ('people', devices.is_human_visitor)
        ) as figure (traffic, is_visitor)
    where figure.is_visitor
    union all
    select
        sessions.day_order,
        4,
        'Sessions',
        sessions.country_name,
        null,
        null,
        figure.traffic,
        figure.amount,
        null
    from sessions
    cross join
        lateral (
            values
            ('all traffic', sessions.sessions),
            ('people', sessions.human_sessions)
        ) as figure (traffic, amount)
    union all
    select
        revenue.day_order,
        6,
        'Revenue, ' || revenue.currency,
        revenue.country_name,
        null,
        revenue.currency,
        figure.traffic,
        figure.amount,
        null
    from revenue
    cross join lateral (
        values
        ('all traffic', revenue.revenue),
        ('people', revenue.human_revenue)
    ) as figure (traffic, amount)
),

final as (
    select
        days.event_date,
        days.day_order,
        days.compared_day,
        days.until_at,
        figures.figure_order,
        figures.figure,
        figures.traffic,
        figures.country_name,
        figures.device_key,
        figures.currency,
        coalesce(figures.currency = (select main_currency.currency from main_currency), false) as is_main_currency,
        figures.amount::numeric as amount,
        figures.whole
    from days
    inner join figures on days.day_order = figures.day_order
)

select * from final
