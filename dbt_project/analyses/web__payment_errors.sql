-- In which five minutes did paying fail most often, of those with at least ten checkouts?
select
    window_start,
    checkouts,
    payment_errors,
    error_ratio,
    human_checkouts,
    human_payment_errors,
    human_error_ratio
from {{ ref('kpi_web_payment_errors_5min') }}
where checkouts >= 10
order by error_ratio desc, window_start desc
limit 20
