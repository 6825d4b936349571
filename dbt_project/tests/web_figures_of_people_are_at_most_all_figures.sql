-- People are a part of all, in every table of the web shop that shows both.
{% set figures = {
    'kpi_web_product_views_5min': [('human_view_count', 'view_count')],
    'kpi_web_actions_5min': [('human_action_count', 'action_count')],
    'kpi_web_response_time_5min': [('human_request_count', 'request_count')],
    'kpi_web_payment_errors_5min': [('human_checkouts', 'checkouts'), ('human_payment_errors', 'payment_errors')],
    'kpi_web_status_hourly': [('human_request_count', 'request_count')],
    'kpi_web_funnel_daily': [('human_users', 'users')],
} %}
{% for mart, pairs in figures.items() %}
    {% for human, all in pairs %}
        select
            '{{ mart }}.{{ human }}' as figure,
            {{ human }} as human,
            {{ all }} as of_all
        from {{ ref(mart) }}
        where {{ human }} > {{ all }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
    {{ 'union all' if not loop.last }}
{% endfor %}
