-- People are a part of all, and a visitor has a view.
{% set marts = {
    'kpi_products_daily': ['human_views <= views', 'human_visitors <= visitors', 'visitors <= views', 'human_visitors <= human_views'],
    'kpi_countries_daily': ['human_views <= views', 'human_visitors <= visitors', 'visitors <= views', 'human_visitors <= human_views'],
    'kpi_stores_daily': ['human_views <= views', 'human_visitors <= visitors', 'visitors <= views', 'human_visitors <= human_views'],
    'kpi_referrers_daily': ['human_views <= views'],
    'kpi_product_views_hourly': ['human_views <= views'],
    'kpi_browser_os_hourly': ['human_views <= views'],
    'kpi_sessions_daily': ['human_sessions <= sessions', 'engaged_sessions <= sessions', 'bounce_rate between 0 and 1'],
    'kpi_funnel_daily': ['human_devices <= devices', 'coalesce(step_conversion, 0) <= 1', 'total_conversion <= 1'],
    'kpi_revenue_daily': ['human_orders <= orders'],
    'kpi_orders_daily': ['human_orders <= orders'],
} %}

{% for mart, rules in marts.items() %}
    select
        '{{ mart }}' as mart,
        event_date,
        count(*) as rows_found
    from {{ ref(mart) }}
    where not ({{ rules | join(' and ') }})
    group by 1, 2
    {{ 'union all' if not loop.last }}
{% endfor %}
